// Checks of everything that follows from the log: rows, effects, the journal's way into the hub, refs and processes.
import { effectOf, MemoryTables, PROJECTION_KEYS, PROJECTOR_NAMES, projectAll } from "@muster/core";
import { type Evidence, PROJECTION_TABLES } from "./evidence.ts";
import type { Story } from "./story.ts";

export function* checkProjections({ hub }: Evidence, story: Story): Generator<string> {
  const head = hub.events.at(-1)?.sequence ?? 0;
  const cursors = new Map(hub.projectorCursors.map((row) => [row["projector"], Number(row["last_applied_sequence"])]));
  for (const name of PROJECTOR_NAMES)
    if (cursors.get(name) !== head) yield `projector ${name} stands at ${cursors.get(name)}, the log at ${head}`;
  const folded = new MemoryTables();
  for (const event of story.events) folded.apply(projectAll(event));
  for (const table of PROJECTION_TABLES) {
    const keyOf = (row: object): string =>
      PROJECTION_KEYS[table].map((column) => String((row as Record<string, unknown>)[column])).join(" ");
    const expected = new Map(folded.rows(table).map((row) => [keyOf(row), row as object]));
    for (const row of hub.rows[table]) {
      const wanted = expected.get(keyOf(row));
      expected.delete(keyOf(row));
      if (wanted === undefined) yield `${table} has ${keyOf(row)}, which the log does not give`;
      else if (canonical(row) !== canonical(wanted)) yield `${table} ${keyOf(row)} is not what the log gives`;
    }
    for (const key of expected.keys()) yield `${table} lacks ${key}`;
  }
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

export function* checkEffects({ hub, daemon }: Evidence, story: Story): Generator<string> {
  const wanted = new Map(
    story.events.flatMap((event) => {
      const intent = effectOf(event);
      return intent === null ? [] : [[event.eventId as string, intent.kind as string] as const];
    }),
  );
  const seen = new Map(daemon.effectsSeen.map((row) => [String(row["effect_id"]), String(row["state"])]));
  for (const row of hub.effects) {
    const [effectId, eventId, kind, status] = ["effect_id", "event_id", "kind", "status"].map((name) =>
      String(row[name]),
    );
    if (wanted.get(eventId ?? "") !== kind) yield `effect ${effectId} (${kind}) has no event of its own`;
    wanted.delete(eventId ?? "");
    if (status === "pending" || status === "running") yield `effect ${effectId} (${kind}) is stuck ${status}`;
    if (status === "succeeded" && !seen.has(effectId ?? ""))
      yield `effect ${effectId} (${kind}) succeeded, but the node never took it`;
  }
  for (const [eventId, kind] of wanted) yield `event ${eventId} has no effect ${kind}`;
  for (const [key, state] of seen) if (state === "running") yield `the daemon still counts ${key} as running`;
  for (const row of daemon.effectsSeen)
    if (Number(row["has_begun"] ?? 0) === 1)
      yield `revert ${String(row["effect_id"])} has begun on the machine and never ended`;
}

/** What may come too late: the hub ended it before the node told. */
const LATE: ReadonlySet<string> = new Set([
  "approval_not_pending",
  "turn_settled",
  "turn_not_found",
  "thread_not_found",
  "message_not_found",
]);

export function* checkIngest({ hub, daemon }: Evidence): Generator<string> {
  const { journalId, lastSequence } = daemon;
  const cursor = hub.ingestCursors.find((row) => row["journal_id"] === journalId);
  const taken = Number(cursor?.["last_sequence"] ?? 0);
  if (taken !== lastSequence) yield `the journal ends at ${lastSequence}, the hub took it up to ${taken}`;
  for (const row of hub.ingestCursors)
    if (row["journal_id"] !== journalId)
      yield `the hub knows journal ${row["journal_id"]}, which the daemon does not have`;
  for (const row of hub.ingestRejected)
    if (!LATE.has(String(row["code"]))) yield `entry ${row["sequence"]} of the journal was refused ${row["code"]}`;
}

const TURN_REF = /^refs\/muster\/checkpoints\/([^/]+)\/turn\/(\d+)$/;

export function* checkRefs({ hub, refs }: Evidence, story: Story): Generator<string> {
  for (const { threadId, checkpointTurnCount, checkpointRef, status } of hub.rows.projection_checkpoints)
    if (status === "ready" && !refs.has(checkpointRef))
      yield `checkpoint ${checkpointTurnCount} of thread ${threadId} is ready, but ${checkpointRef} is gone`;
  const turnCounts = new Map<string, number>();
  for (const { eventType, payload, streamId } of story.events) {
    if (eventType === "thread.turn-start-requested") turnCounts.set(streamId, payload.turnCount);
    if (eventType === "thread.reverted" && payload.error === null && payload.mode !== "files")
      turnCounts.set(streamId, payload.turnCount);
  }
  for (const ref of refs) {
    const [, threadId = "", turnCount] = TURN_REF.exec(ref) ?? [];
    if (Number(turnCount) > (turnCounts.get(threadId) ?? 0))
      yield `${ref} is there, but the thread has ${turnCounts.get(threadId) ?? 0} turns`;
  }
}

export function* checkLeftovers({ leftovers }: Evidence): Generator<string> {
  yield* leftovers;
}

export function* checkUnrest({ unrest }: Evidence): Generator<string> {
  yield* unrest;
}

export function* checkProblems({ problems }: Evidence): Generator<string> {
  yield* problems;
}
