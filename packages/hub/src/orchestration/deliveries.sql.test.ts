// What comes to the hub by networks that lose, repeat and reorder, and by batches in which anything may be wrong: the
// end is the same as if everything had come once, in order and alone.
import type { ClientCommand, IngestEntry, InternalCommand } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  entries,
  internal,
  settle,
  startTurn,
} from "@muster/core/testing";
import { type Store, StoreError } from "@muster/store";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Caller } from "../ports.ts";
import { OWNER, onBothDatabases, openWorld, settled, type World } from "./test-world.ts";

/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 15);

const inWorld = async (check: (world: World) => Promise<void>, wrapStore?: (store: Store) => Store): Promise<void> => {
  const world = await openWorld(wrapStore === undefined ? {} : { wrapStore });
  try {
    world.nodes.connected.clear();
    await world.dispatch(createProject());
    for (const threadId of ["thread", "second"]) await world.dispatch(createThread({ threadId }));
    await world.dispatch(startTurn("turn"));
    await check(world);
  } finally {
    await world.close();
  }
};

/** Reports of one turn, good ones and such as are refused. */
const report = fc.constantFrom<(length: number, index: number) => InternalCommand>(
  (length) => delta(length, "more "),
  (length) => delta(length, "more "),
  (length) => delta(Math.max(0, length - 2), "overlap"),
  (length) => delta(length + 5, "beyond"),
  (length) => complete(length, ""),
  (_length, index) => activity(`note-${index}`),
  (_length, index) => askApproval(`question-${index}`),
  () => askApproval("question"),
  () => internal("thread.approval.expire", { requestId: "question", reason: "gone" }),
  () => activity("elsewhere", { threadId: "nowhere" }),
  () => settle("nobody"),
);

/** The journal as a daemon writes it: offsets follow the text, whatever becomes of it. */
function journalOf(kinds: readonly ((length: number, index: number) => InternalCommand)[]): IngestEntry[] {
  let length = 0;
  const commands = kinds.map((kind, index) => {
    const one = kind(length, index);
    if (one.type === "thread.message.assistant.delta" && one.offset <= length)
      length = Math.max(length, one.offset + one.text.length);
    return one;
  });
  return entries(1, commands);
}

/** Everything that ingest leaves, without ids and times. */
const leftBy = async (world: World): Promise<unknown> => ({
  events: (
    await world.rows(
      "SELECT stream_id, stream_version, event_type, actor_kind, payload_json FROM orchestration_events ORDER BY sequence",
    )
  ).map((row) => ({ ...row })),
  rejected: await world.rows("SELECT sequence, code FROM ingest_rejected ORDER BY sequence"),
  cursors: await world.rows("SELECT journal_id, last_sequence FROM ingest_cursors"),
  messages: await world.rows(
    "SELECT message_id, text, is_streaming FROM projection_thread_messages ORDER BY message_id",
  ),
  approvals: await world.rows("SELECT request_id, status FROM projection_pending_approvals ORDER BY request_id"),
  activities: await world.rows("SELECT kind FROM projection_thread_activities ORDER BY activity_id"),
});

/** One batch on its way: from where, how many, and whether it leaves before the one before it was answered. */
const delivery = fc.record({ from: fc.nat(40), count: fc.integer({ min: 1, max: 12 }), isTogether: fc.boolean() });

onBothDatabases("a journal", () => {
  it("delivered in any way, lost, repeated and reordered, leaves what it leaves delivered once in order (ORC-22)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(report, { minLength: 5, maxLength: 40 }),
        fc.array(delivery, { maxLength: 25 }),
        async (kinds, deliveries) => {
          const journal = journalOf(kinds);
          let once: unknown;
          await inWorld(async (world) => {
            await world.ingestEntries(1, journal);
            once = await leftBy(world);
          });
          await inWorld(async (world) => {
            let waiting: Promise<void>[] = [];
            for (const { from, count, isTogether } of deliveries) {
              const first = from % journal.length;
              const sent = journal.slice(first, first + count);
              waiting.push(
                // A batch without an answer that anyone hears is one whose acknowledgement was lost.
                world.ingestEntries(first + 1, sent).then(({ lastSequence, error }) => {
                  if (error === undefined) expect(lastSequence).toBeGreaterThanOrEqual(first + sent.length);
                  else expect(error).toMatchObject({ code: "ingest_gap", details: { expected: lastSequence + 1 } });
                }),
              );
              if (isTogether) continue;
              await Promise.all(waiting);
              waiting = [];
            }
            await Promise.all(waiting);
            const cursor = await world.orchestration.ingestCursor(
              { spaceId: "space", nodeId: "node" } as never,
              world.journalId,
            );
            if (cursor < journal.length) await world.ingestEntries(cursor + 1, journal.slice(cursor));
            expect(await leftBy(world)).toEqual(once);
            expect(world.bugs).toEqual([]);
          });
        },
      ),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});

/** A caller at whose roles the decision throws. */
const THROWING: Caller = {
  ...OWNER,
  roles: {
    get: () => {
      throw new TypeError("a bug in a decider");
    },
  } as unknown as Caller["roles"],
};

type Kind = "good" | "refused" | "reused" | "breaks a rule" | "too large" | "throws" | "conflicts";
const EXPECTED: Readonly<Record<Kind, string>> = {
  good: "accepted",
  refused: "thread_not_archived",
  reused: "command_id_reused",
  "breaks a rule": "concurrency_conflict",
  "too large": "internal_error",
  throws: "internal_error",
  conflicts: "concurrency_conflict",
};
const kinds = Object.keys(EXPECTED) as Kind[];

const commandOf = (kind: Kind, index: number): ClientCommand => {
  const threadId = index % 2 === 0 ? "thread" : "second";
  const rename = (title: string) => command("thread.meta.update", { threadId, title });
  if (kind === "refused") return command("thread.unarchive", { threadId });
  if (kind === "reused") return command("thread.meta.update", { threadId, title: `x ${index}`, commandId: "used" });
  return rename(kind === "good" ? `good ${index}` : `${kind} ${index}`);
};

onBothDatabases("a batch with poison in it", () => {
  it("fails for each poisoned command alone, whatever the poison and wherever it stands (ORC-21)", async () => {
    const holds = (parameters: readonly unknown[], text: string): boolean =>
      parameters.some((one) => typeof one === "string" && one.includes(text));
    // Where a command meets the database: its own row breaks a rule, is too large, or is always too late.
    const wrapStore = (store: Store): Store => ({
      dialect: store.dialect,
      read: (query) => store.read(query),
      readTransaction: (queries) => store.readTransaction(queries),
      migrate: (set, stamp) => store.migrate(set, stamp),
      close: () => store.close(),
      commit: async (batch) => {
        const has = (text: string) => batch.statements.some(({ parameters }) => holds(parameters, text));
        if (has("breaks a rule")) throw new StoreError("constraint_violated", "no");
        if (has("too large")) throw new StoreError("invalid_statement", "string or blob too big");
        if (has("conflicts")) return { status: "conflict", failedGuards: [0], failedStatement: null };
        return store.commit(batch);
      },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...kinds, "good" as const), { minLength: 2, maxLength: 20 }), (given) =>
        inWorld(async (world) => {
          await world.dispatch(command("thread.meta.update", { threadId: "thread", title: "used", commandId: "used" }));
          const outcomes = given.map((kind, index) =>
            world.dispatch(commandOf(kind, index), kind === "throws" ? THROWING : OWNER).then(
              ({ receipt }) => receipt as string,
              (error) => String(error.code),
            ),
          );
          expect(await Promise.all(outcomes)).toEqual(given.map((kind) => EXPECTED[kind]));
          await settled();
          const titles = await world.rows(
            "SELECT payload_json FROM orchestration_events WHERE event_type = 'thread.meta-updated' ORDER BY sequence",
          );
          // Each good one once, in the order of its thread.
          const stored = titles.map((row) => String(JSON.parse(String(row["payload_json"])).title));
          const good = given.flatMap((kind, index) => (kind === "good" ? [`good ${index}`] : []));
          for (const rest of [0, 1]) {
            const ofThread = (title: string) => Number(title.split(" ")[1]) % 2 === rest;
            expect(stored.slice(1).filter(ofThread)).toEqual(good.filter(ofThread));
          }
          const receipts = await world.rows(
            "SELECT count(*) AS n FROM orchestration_command_receipts WHERE status = 'rejected'",
          );
          expect(Number(receipts[0]?.["n"])).toBe(given.filter((kind) => kind === "refused").length);
          expect(world.bugs).toHaveLength(given.filter((kind) => EXPECTED[kind] === "internal_error").length);
        }, wrapStore),
      ),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});
