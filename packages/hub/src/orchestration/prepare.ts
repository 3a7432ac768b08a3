// What a store's threads do for the hub: a reading one prepares the window of a thread as the JSON that leaves over HTTP, so
// that parsing, cutting, checking and writing a megabyte hold up nobody else; one of a rebuild's own fills its tables.
import { ThreadWindow } from "@muster/contracts";
import type { Prepare, Work } from "@muster/store";
import { type ShadowRequest, workOnShadows } from "./shadow-fill.ts";
import { readWindow, type WindowRequest } from "./thread-window.ts";

/** For `SqliteOptions.preparer`. */
export const PREPARER = new URL(import.meta.url);

/** The request must be a WindowRequest. The answer is checked against the contract, as every other answer is. */
export const prepare: Prepare = async (reads, request) => {
  const window = await readWindow(reads, request as WindowRequest);
  return window === null ? null : new TextEncoder().encode(JSON.stringify(ThreadWindow.parse(window)));
};

/** The request must be a ShadowRequest. */
export const work: Work = (bench, request) => workOnShadows(bench, request as ShadowRequest);
