import type { InternalCommand, LiveDelta, MessageId, ThreadId, TurnId } from "@muster/contracts";
import {
  InternalCommand as InternalCommandSchema,
  LiveDelta as LiveDeltaSchema,
  storableText,
} from "@muster/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RUNNER_LIMITS } from "./limits.ts";
import { manualTimers } from "./testing/timers.ts";
import { AssistantTexts } from "./texts.ts";

type TextCommand = Extract<InternalCommand, { type: `thread.message.assistant.${string}` }>;

const open = () => {
  const timers = manualTimers();
  const live: LiveDelta[] = [];
  const written: TextCommand[] = [];
  let ids = 0;
  const texts = new AssistantTexts({
    place: { threadId: "t" as ThreadId, turnId: "u" as TurnId },
    timers,
    limits: RUNNER_LIMITS,
    mintMessageId: () => {
      ids += 1;
      return `m${ids}` as MessageId;
    },
    sendLive: (delta) => live.push(LiveDeltaSchema.parse(delta)),
    append: async (commands) => {
      for (const command of commands) written.push(InternalCommandSchema.parse(command) as TextCommand);
    },
  });
  return { timers, live, written, texts };
};

/** The text a reader ends with, who puts each piece at its offset. */
const merged = (pieces: readonly { offset: number; text: string }[]): string => {
  let text = "";
  for (const piece of pieces) {
    expect(piece.offset).toBe(text.length);
    text += piece.text;
  }
  return text;
};

describe("ORC-23 streaming text", () => {
  it("goes out live a few times a second and into the journal once a second", async () => {
    const { timers, live, written, texts } = open();
    for (let step = 0; step < 300; step += 1) {
      await texts.delta("k", "word ");
      timers.advance(10);
    }
    expect(written.map((command) => command.type)).toEqual(Array(3).fill("thread.message.assistant.delta"));
    expect(live.length).toBeGreaterThan(70);
    expect(live.length).toBeLessThanOrEqual(101);
    await texts.complete("k");
    expect(written.at(-1)?.type).toBe("thread.message.assistant.complete");
    expect(merged(written)).toBe("word ".repeat(300));
    expect(merged(live)).toBe("word ".repeat(300));
    expect(timers.pending).toBe(0);
  });

  it("goes into the journal per 8 KiB when it is fast", async () => {
    const { written, texts } = open();
    for (let step = 0; step < 100; step += 1) await texts.delta("k", "x".repeat(1_000));
    expect(written.length).toBe(11);
    await texts.completeAll();
    expect(merged(written)).toBe("x".repeat(100_000));
  });

  it("a short message costs one entry", async () => {
    const { written, texts } = open();
    await texts.delta("k", "hello ");
    await texts.delta("k", "world");
    await texts.complete("k");
    expect(written).toEqual([
      {
        type: "thread.message.assistant.complete",
        threadId: "t",
        turnId: "u",
        messageId: "m1",
        offset: 0,
        text: "hello world",
      },
    ]);
  });

  it("messages of one turn are told apart, and completing what is not open does nothing", async () => {
    const { written, texts } = open();
    await texts.delta("one", "a");
    await texts.delta("two", "b");
    await texts.complete("one");
    await texts.complete("one");
    await texts.completeAll();
    expect(written.map(({ messageId, text }) => [messageId, text])).toEqual([
      ["m1", "a"],
      ["m2", "b"],
    ]);
  });

  it("2,000 deltas of one answer leave at most ten entries, each of which is one event", async () => {
    const { timers, live, written, texts } = open();
    for (let index = 0; index < 2_000; index += 1) {
      await texts.delta("one", "a few characters. ");
      timers.advance(2);
    }
    await texts.complete("one");
    expect(merged(written)).toBe("a few characters. ".repeat(2_000));
    expect(merged(live)).toBe("a few characters. ".repeat(2_000));
    expect(written.length).toBeLessThanOrEqual(10);
  });

  it("whatever the pieces and the pauses, journal and live text both add up, and no piece ends inside a pair", async () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom("\u{1F600}", "\ud83d", "\ude00", "é".repeat(9_000), `x${"😀".repeat(35_000)}`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(piece, fc.integer({ min: 0, max: 1_500 })), { maxLength: 30 }),
        async (steps) => {
          const { timers, live, written, texts } = open();
          for (const [text, pauseMs] of steps) {
            await texts.delta("k", text);
            timers.advance(pauseMs);
          }
          await texts.completeAll();
          const whole = steps.map(([text]) => text).join("");
          // Each piece as the contract keeps it: half of a pair would be lost, were it cut off from the other.
          expect(merged(written)).toBe(storableText(whole));
          expect(merged(live)).toBe(storableText(whole));
          const cut = [...written, ...live].filter(({ offset, text }) => {
            const end = offset + text.length;
            return /[\ud800-\udbff]$/.test(text) && /^[\udc00-\udfff]/.test(whole.slice(end));
          });
          expect(cut).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
