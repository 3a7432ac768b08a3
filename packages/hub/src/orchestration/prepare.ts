// What a store's reading thread prepares for the hub: the window of a thread as the JSON that leaves over HTTP. Loaded in
// that thread, so that parsing, cutting, checking and writing a megabyte hold up nobody else.
import { ThreadWindow } from "@muster/contracts";
import type { Prepare } from "@muster/store";
import { readWindow, type WindowRequest } from "./thread-window.ts";

/** For `SqliteOptions.preparer`. */
export const PREPARER = new URL(import.meta.url);

/** The request must be a WindowRequest. The answer is checked against the contract, as every other answer is. */
export const prepare: Prepare = async (reads, request) => {
  const window = await readWindow(reads, request as WindowRequest);
  return window === null ? null : new TextEncoder().encode(JSON.stringify(ThreadWindow.parse(window)));
};
