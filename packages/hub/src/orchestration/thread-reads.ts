// Opening a thread: who may is asked here, where streams are known; the window itself is made by thread-window.ts, in the
// calling thread or beside the data.
import type { ThreadWindow } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { Caller } from "../ports.ts";
import { prepare } from "./prepare.ts";
import { cursorOf, type ReadParts } from "./reads.ts";
import { readWindow, type WindowRequest } from "./thread-window.ts";
import type { WindowInput } from "./window-queries.ts";

/** Throws `thread_not_found`, and `validation_failed` for a `before` that is no cursor. */
export async function getThread(parts: ReadParts, caller: Caller, input: WindowInput): Promise<ThreadWindow> {
  const window = await readWindow(parts.store, await requestOf(parts, caller, input));
  if (window === null) throw new MusterError("thread_not_found");
  return window;
}

/** The same as JSON, made beside the data where the store can do that. Throws as `getThread` does. */
export async function getThreadBytes(parts: ReadParts, caller: Caller, input: WindowInput): Promise<Uint8Array> {
  const request = await requestOf(parts, caller, input);
  const bytes = await (parts.store.prepare?.(request) ?? prepare(parts.store, request));
  if (bytes === null) throw new MusterError("thread_not_found");
  return bytes;
}

async function requestOf(parts: ReadParts, caller: Caller, input: WindowInput): Promise<WindowRequest> {
  if (!(await parts.visibility.canSeeThread(caller, input.threadId))) throw new MusterError("thread_not_found");
  if (input.before !== undefined) cursorOf(input.before);
  return { generation: parts.generation, spaceId: caller.spaceId, input };
}
