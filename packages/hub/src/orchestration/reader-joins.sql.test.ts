// What a reader gets, whenever it comes and whatever there is: the text of an answer in full, and windows that fit.
import { type LiveDelta, READ_MAX_BYTES, type ThreadId } from "@muster/contracts";
import {
  activity,
  askApproval,
  complete,
  createProject,
  createThread,
  delta,
  finishDiff,
  settle,
  startTurn,
} from "@muster/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, until, type World } from "./test-world.ts";

/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 15);
const threadId = "thread" as ThreadId;

const inWorld = async (check: (world: World) => Promise<void>): Promise<void> => {
  const world = await openWorld();
  try {
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await check(world);
    expect(world.bugs).toEqual([]);
  } finally {
    await world.close();
  }
};

/** Begins with a window and goes on by the feed behind it, as the console does. */
class Joined {
  text = "";
  isDone = false;
  /** What it had at each step. */
  readonly seen: string[] = [];
  readonly #abort = new AbortController();
  readonly #world: World;
  readonly #after: number;
  #running: Promise<void> | undefined;

  private constructor(world: World, text: string, after: number) {
    this.text = text;
    this.#world = world;
    this.#after = after;
  }

  /** Reads the window; what happens until it follows comes by the feed. */
  static async at(world: World): Promise<Joined> {
    const { messages, snapshotSequence } = await world.orchestration.getThread(OWNER, { threadId, turnLimit: 10 });
    const text = messages.find(({ role }) => role === "assistant")?.text ?? "";
    return new Joined(world, text, snapshotSequence);
  }

  follow(): void {
    const request = { after: String(this.#after), threadId, signal: this.#abort.signal };
    this.#running ??= this.#read(this.#world.orchestration.feed(OWNER, request));
  }

  async #read(feed: ReturnType<World["orchestration"]["feed"]>): Promise<void> {
    for await (const { message } of feed) {
      if (message.type === "delta") this.#put(message.delta.offset, message.delta.text);
      if (message.type !== "event") continue;
      const { eventType, payload } = message.event;
      if (eventType === "thread.message-sent" && payload["role"] === "assistant")
        this.#put(Number(payload["offset"]), String(payload["text"]));
      if (eventType === "thread.turn-settled") this.isDone = true;
    }
  }

  /** Live text behind a hole waits for what is persisted; nothing goes in twice. */
  #put(offset: number, text: string): void {
    if (offset > this.text.length || offset + text.length <= this.text.length) return;
    this.text = this.text.slice(0, offset) + text;
    this.seen.push(this.text);
  }

  async leave(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }
}

const piece = fc.record({
  text: fc.string({ unit: fc.constantFrom("a", "é", "漢", "😀", "\n", '"'), minLength: 1, maxLength: 8 }),
  isLost: fc.boolean(),
  isPersisted: fc.boolean(),
  joins: fc.boolean(),
});

onBothDatabases("a reader that joins a streaming answer", () => {
  it("at any point sees it grow without a gap or a repeat, to exactly the final text (ORC-23)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 20 }), async (pieces) =>
        inWorld(async (world) => {
          await world.dispatch(startTurn("turn"));
          const final = pieces.map(({ text }) => text).join("");
          const readers: Joined[] = [];
          let [said, persisted, journal] = [0, 0, 0];
          for (const { text, isLost, isPersisted, joins } of pieces) {
            const waiting = [...readers];
            if (joins) readers.push(await Joined.at(world));
            const live = { threadId, turnId: "turn", messageId: "answer", offset: said, text } as LiveDelta;
            if (!isLost) world.orchestration.publishDelta(nodeIdentity(), live);
            said += text.length;
            if (isPersisted) {
              journal += 1;
              await world.ingest(journal, [delta(persisted, final.slice(persisted, said))]);
              persisted = said;
            }
            // Those of this step follow a step later, so that something may have happened in between.
            for (const reader of waiting) reader.follow();
          }
          readers.push(await Joined.at(world));
          await world.ingest(journal + 1, [complete(persisted, final.slice(persisted)), settle("turn")]);
          readers.push(await Joined.at(world));
          for (const reader of readers) reader.follow();
          await until(() => readers.slice(0, -1).every((reader) => reader.isDone));
          for (const reader of readers) {
            expect(reader.text).toBe(final);
            for (const seen of reader.seen) expect(final.startsWith(seen)).toBe(true);
            await reader.leave();
          }
        }),
      ),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});

/** Characters that cost 1, 6, 3 and 2 to 4 bytes in JSON. */
const heavy = fc
  .record({ unit: fc.constantFrom("x", "\u0001", "語", '"', "😀"), length: fc.constantFrom(1, 500, 9_000, 30_000) })
  .map(({ unit, length }) => unit.repeat(Math.floor(length / unit.length)) || unit);
const ACTIONS = ["say", "tool", "ask", "plan", "wide"] as const;
const content = fc.record({ action: fc.constantFrom(...ACTIONS), text: heavy, count: fc.integer({ min: 1, max: 12 }) });

const reportsOf = (
  turnId: string,
  at: number,
  { action, text, count }: { action: string; text: string; count: number },
) =>
  Array.from({ length: count }, (_one, index) => {
    const name = `${turnId}-${at}-${index}`;
    if (action === "say") return complete(0, text, { turnId, messageId: name });
    if (action === "ask")
      return askApproval(name, {
        turnId,
        payload: {
          requestId: name,
          kind: "command",
          title: "May I?",
          tool: { text },
          options: [{ decision: "accept", label: "Yes" }],
        },
      });
    if (action === "plan")
      return activity("plan.updated", {
        turnId,
        payload: { entries: Array.from({ length: 20 }, () => ({ content: text.slice(0, 2_000), status: "pending" })) },
      });
    const payload =
      action === "tool"
        ? { output: text }
        : Object.fromEntries(Array.from({ length: 200 }, (_, key) => [`key-${key}`, text.slice(0, 150)]));
    return activity("tool.completed", { turnId, summary: text.slice(0, 1_024), payload });
  });

onBothDatabases("a thread of any content", () => {
  it("is read in windows of at most 1 MiB that together reach every turn (ORC-26)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(content, { maxLength: 4 }), { minLength: 1, maxLength: 4 }), async (turns) =>
        inWorld(async (world) => {
          let journal = 1;
          for (const [index, contents] of turns.entries()) {
            const turnId = `turn-${index}`;
            world.time.advance(1_000);
            await world.dispatch(startTurn(turnId, { text: contents[0]?.text ?? "x" }));
            const reports = [
              ...contents.flatMap((one, at) => reportsOf(turnId, at, one)),
              settle(turnId),
              finishDiff(turnId, index + 1),
            ];
            await world.ingest(journal, reports);
            journal += reports.length;
          }
          const found: string[] = [];
          let before: string | undefined;
          for (let pages = 0; pages <= turns.length; pages += 1) {
            const window = await world.orchestration.getThread(OWNER, {
              threadId,
              turnLimit: 50,
              ...(before === undefined ? {} : { before }),
            });
            expect(Buffer.byteLength(JSON.stringify(window))).toBeLessThanOrEqual(READ_MAX_BYTES);
            found.unshift(...window.turns.map(({ turnId }) => turnId as string));
            if (!window.page.hasMore) break;
            before = window.page.before ?? undefined;
          }
          expect(found).toEqual(turns.map((_one, index) => `turn-${index}`));
          expect(await world.rows("SELECT * FROM ingest_rejected")).toEqual([]);
        }),
      ),
      { numRuns: Math.min(RUNS, 10) },
    );
  }, 3_600_000);
});
