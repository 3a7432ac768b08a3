// What the place a client runs in can tell about the connection before the connection itself does. A browser knows when
// its network comes and goes and when its tab is looked at again; a process knows nothing of that.

export type SurroundingsChange = "online" | "offline" | "visible";

export interface Surroundings {
  /** False only when the place is sure that there is no network; a hub on this machine may answer all the same. */
  isOnline(): boolean;
  /** Whether someone may be looking. */
  isVisible(): boolean;
  /** Returns the end of the subscription. */
  subscribe(listener: (change: SurroundingsChange) => void): () => void;
}

export const plainSurroundings: Surroundings = {
  isOnline: () => true,
  isVisible: () => true,
  subscribe: () => () => {},
};
