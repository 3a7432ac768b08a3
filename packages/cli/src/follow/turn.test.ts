// Asking for a turn and watching it: nothing of it may happen before somebody looks.
import type { FeedMessage, ThreadId, ThreadWindow, TurnId } from "@muster/contracts";
import { expect, test } from "vitest";
import type { Context } from "../context.ts";
import type { Hub } from "../hub.ts";
import { plainPaint } from "../shell.ts";
import { testShell } from "../testing/shell.ts";
import { followTurn } from "./turn.ts";

const threadId = "thread-1" as ThreadId;
const turnId = "turn-1" as TurnId;

/** A hub whose agent says everything the moment it is asked: what is said live before a feed is open is lost. */
function quickHub() {
  let isOpen = false;
  const queue: FeedMessage[] = [];
  const said = (): FeedMessage[] => [
    { type: "delta", delta: { turnId, messageId: "message-1", offset: 0, text: "Live." } } as unknown as FeedMessage,
    {
      type: "event",
      event: {
        eventType: "thread.turn-settled",
        schemaVersion: "1.0",
        payload: { turnId, status: "completed", reason: null, detail: null },
      },
    } as unknown as FeedMessage,
  ];
  const turns: object[] = [];
  const hub = {
    api: {
      orchestration: {
        getThread: () => Promise.resolve({ generation: "g", snapshotSequence: 7, turns } as unknown as ThreadWindow),
      },
    },
    async *followFeed() {
      isOpen = true;
      yield { type: "synchronized", generation: "g", sequence: 7 } as FeedMessage;
      yield* queue;
    },
  } as unknown as Hub;
  const start = () => {
    turns.push({ turnId, turnCount: 1, status: "completed", reason: null, startedAt: null, completedAt: null });
    if (isOpen) queue.push(...said());
    return Promise.resolve();
  };
  return { hub, start };
}

test("a turn that is followed is asked for once its thread is watched, so that nothing of it is missed", async () => {
  const shell = testShell();
  const codes: number[] = [];
  const voice = {
    isJson: false,
    isQuiet: false,
    note: shell.err.write,
    row: (_row: object, text: string) => shell.out.write(text),
  };
  const context = {
    voice,
    shell,
    paint: plainPaint,
    exitWith: (code: number) => codes.push(code),
  } as unknown as Context;
  const { hub, start } = quickHub();
  await followTurn(context, hub, { threadId, turnId, start });
  expect(shell.stdout()).toMatch(/^Live\.\nTurn 1 completed/);
  expect(codes).toEqual([0]);
});

test("a refusal to start it ends the watching with that refusal", async () => {
  const shell = testShell();
  const context = { voice: { isJson: false }, shell, paint: plainPaint } as unknown as Context;
  const start = () => Promise.reject(new Error("refused"));
  await expect(followTurn(context, quickHub().hub, { threadId, turnId, start })).rejects.toThrow("refused");
});
