// Calls of tools that have just begun. One that ends soon is recorded once, at its end with the time it took; until then
// it is shown live, and its beginning is on disk, so that a daemon that is killed meanwhile still tells it. Whatever else
// of the turn is recorded comes behind the calls that had begun before it: `release` puts them into the journal.
import type { InternalCommand, LiveCall, ProviderItemId, ToolCall } from "@muster/contracts";
import type { Statement } from "@muster/store";
import type { BegunCallLedger } from "../journal/index.ts";
import type { Timers } from "../processes/index.ts";
import { HELD_CALLS_MAX, LIVE_LOCATIONS_MAX, type RunnerLimits } from "./limits.ts";
import { commandsOf, type Place } from "./mapping.ts";

export interface ShortCallsOptions {
  readonly place: Place;
  readonly timers: Timers;
  readonly limits: RunnerLimits;
  readonly ledger: BegunCallLedger;
  readonly sendLive: (call: LiveCall) => void;
  /** Durable when it resolves; calls keep their order. */
  readonly append: (commands: readonly InternalCommand[], statements: readonly Statement[]) => Promise<void>;
  /** The beginning of a call goes to the journal now. */
  readonly onRecorded: (itemId: ProviderItemId) => void;
}

interface HeldCall {
  readonly begunMs: number;
  readonly cancel: () => void;
  /** As it was last heard of. */
  tool: ToolCall;
}

export class ShortCalls {
  readonly #options: ShortCallsOptions;
  readonly #held = new Map<ProviderItemId, HeldCall>();
  /** As JSON, the edits that the journal has of a call that goes on: they may be large, and are told once. */
  readonly #toldEdits = new Map<ProviderItemId, string>();

  constructor(options: ShortCallsOptions) {
    this.#options = options;
  }

  /** Resolves when a start after a crash would know of the call. */
  async begin(tool: ToolCall): Promise<void> {
    const { place, timers, limits, ledger, append, sendLive } = this.#options;
    const { itemId } = tool;
    const releasing = this.#held.size >= HELD_CALLS_MAX ? this.release() : undefined;
    const cancel = timers.schedule(limits.callHeldMs, () => {
      // A failure shows where the turn's end is written.
      this.#record(itemId).catch(() => {});
    });
    this.#held.set(itemId, { begunMs: timers.nowMs(), cancel, tool });
    sendLive({ ...place, tool: shownLive(tool) });
    const [command] = commandsOf({ type: "tool.started", tool }, place);
    const written = command === undefined ? undefined : append([], [ledger.began(place.turnId, itemId, command)]);
    await Promise.all([releasing, written]);
  }

  /** False: its beginning is recorded, so the update has to be as well. */
  update(tool: ToolCall): boolean {
    const held = this.#held.get(tool.itemId);
    if (held !== undefined) held.tool = tool;
    return held !== undefined;
  }

  /**
   * What is to be recorded, now, of a call that goes on: without edits that the journal has of it already. A reader keeps
   * those it knows where none are told.
   */
  untold(tool: ToolCall): ToolCall {
    const { edits, ...rest } = tool;
    if (edits === undefined) return tool;
    const text = JSON.stringify(edits);
    if (text === this.#toldEdits.get(tool.itemId)) return rest;
    this.#toldEdits.set(tool.itemId, text);
    return tool;
  }

  async end(tool: ToolCall): Promise<void> {
    const { place, timers, ledger, append } = this.#options;
    const held = this.#held.get(tool.itemId);
    if (held === undefined) {
      const untold = this.untold(tool);
      this.#toldEdits.delete(tool.itemId);
      return append(commandsOf({ type: "tool.completed", tool: untold }, place), []);
    }
    held.cancel();
    this.#held.delete(tool.itemId);
    const durationMs = Math.max(0, Math.round(timers.nowMs() - held.begunMs));
    await append(commandsOf({ type: "tool.completed", tool: { ...tool, durationMs } }, place), [
      ledger.recorded(place.turnId, tool.itemId),
    ]);
  }

  /** Records the beginning of every call that is held, in their order; undefined where none is. Given to the journal at once. */
  release(): Promise<unknown> | undefined {
    if (this.#held.size === 0) return undefined;
    return Promise.all([...this.#held.keys()].map((itemId) => this.#record(itemId)));
  }

  async #record(itemId: ProviderItemId): Promise<void> {
    const { place, ledger, append, onRecorded } = this.#options;
    const held = this.#held.get(itemId);
    if (held === undefined) return;
    held.cancel();
    this.#held.delete(itemId);
    onRecorded(itemId);
    await append(commandsOf({ type: "tool.started", tool: this.untold(held.tool) }, place), [
      ledger.recorded(place.turnId, itemId),
    ]);
  }
}

/** What names the call; texts and edits come with what is recorded. */
const shownLive = ({ itemId, title, kind, status, locations }: ToolCall): ToolCall => ({
  itemId,
  title,
  kind,
  status,
  locations: locations.slice(0, LIVE_LOCATIONS_MAX),
});
