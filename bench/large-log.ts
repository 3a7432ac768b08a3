// A large event log for bench/large-store.ts, made without a hub: one long thread of 10,000 messages and 100,000
// activities, one thread whose ten turns hold as much (so that its window is all of it), and threads of ordinary length
// for the rest. Payloads have the size of those that the sample agent's turns leave. The projections are the hub's own
// work: it catches up with this log when it is opened.
import type { NewEvent } from "@muster/contracts";
import { isoTime } from "@muster/core";
import { insertRows, type Store } from "@muster/store";
import { HUB_COLUMNS } from "./hub-doors.ts";

export const LONG_THREAD = { id: "long-thread", turns: 5_000, messages: 10_000, activities: 100_000 };
export const HEAVY_THREAD = { id: "heavy-thread", turns: 10, messages: 10_000, activities: 100_000 };
type LongThreads = readonly (typeof LONG_THREAD)[];
const ORDINARY_TURNS = 20;
const ORDINARY_ACTIVITIES = 20;
const ROWS_PER_COMMIT = 4_000;
const STARTS_MS = Date.parse("2026-01-01T00:00:00.000Z");

const WORDS = "the tests of the parser fail because a quoted value may hold a line break and nobody thought of it; ";
const say = (characters: number): string => WORDS.repeat(Math.ceil(characters / WORDS.length)).slice(0, characters);

export interface Place {
  readonly spaceId: string;
  readonly sessionId: string;
  readonly actorId: string;
}

type LogEvent = NewEvent & { readonly streamId: string };
/** The builders below write ids as plain words. */
const event = (streamId: string, eventType: string, payload: object): LogEvent =>
  ({ streamId, eventType, payload }) as unknown as LogEvent;

/** Everything a turn leaves, from the question to the diff. */
function* turn(
  threadId: string,
  turnCount: number,
  counts: { readonly answers: number; readonly activities: number },
): Generator<LogEvent> {
  const turnId = `${threadId}-turn-${turnCount}`;
  const message = (name: string, role: string, text: string) =>
    event(threadId, "thread.message-sent", {
      messageId: `${turnId}-${name}`,
      turnId,
      role,
      offset: 0,
      text,
      attachments: [],
      isStreaming: false,
    });
  const session = (status: string, activeTurnId: string | null) =>
    event(threadId, "thread.session-set", {
      status,
      providerName: "sample",
      providerSessionId: `${threadId}-session`,
      providerThreadId: `${threadId}-provider`,
      activeTurnId,
      lastError: null,
    });
  yield message("question", "user", say(280));
  yield event(threadId, "thread.turn-start-requested", {
    turnId,
    messageId: `${turnId}-question`,
    turnCount,
    model: null,
    effort: null,
  });
  yield session("running", turnId);
  for (let index = 0; index < counts.activities; index += 1) {
    yield event(threadId, "thread.activity-appended", {
      turnId,
      tone: "tool",
      kind: "tool.updated",
      summary: `Read src/folder-${index % 40}/file-${index}.ts`,
      payload: {
        itemId: `item-${turnCount}-${index}`,
        title: `Read src/folder-${index % 40}/file-${index}.ts`,
        kind: "read",
        status: "completed",
        locations: [{ path: `src/folder-${index % 40}/file-${index}.ts`, line: index }],
        output: say(160),
      },
    });
    if (index < counts.answers) yield message(`answer-${index}`, "assistant", say(900));
  }
  yield event(threadId, "thread.turn-diff-completed", {
    turnId,
    turnCount,
    checkpointRef: `refs/muster/checkpoints/${threadId}/turn/${turnCount}`,
    status: "ready",
    files: [{ path: "src/parser.ts", status: "modified", additions: 12, deletions: 3 }],
    truncated: false,
    assistantMessageId: `${turnId}-answer-0`,
  });
  yield event(threadId, "thread.turn-settled", {
    turnId,
    status: "completed",
    reason: null,
    detail: null,
    completedMessageIds: [],
    expiredRequestIds: [],
  });
  yield session("ready", null);
}

function* thread(
  threadId: string,
  turns: number,
  counts: { readonly answers: number; readonly activities: number },
): Generator<LogEvent> {
  yield event(threadId, "thread.created", {
    projectId: "project",
    title: `The thread ${threadId}`,
    provider: "sample",
    model: null,
    branch: null,
    worktreePath: null,
    runtimeMode: "approval-required",
  });
  for (let count = 1; count <= turns; count += 1) yield* turn(threadId, count, counts);
}

function* log(place: Place, events: number, longThreads: LongThreads): Generator<LogEvent> {
  yield event("project", "project.created", {
    sessionId: place.sessionId,
    nodeId: "node",
    title: "A large project",
    workspaceRoot: "/work",
    defaultModel: null,
  });
  let made = 1;
  const counted = function* (one: Generator<LogEvent>): Generator<LogEvent> {
    for (const next of one) {
      made += 1;
      yield next;
    }
  };
  for (const { id, turns, messages, activities } of longThreads)
    yield* counted(thread(id, turns, { answers: messages / turns - 1, activities: activities / turns }));
  for (let index = 0; made < events; index += 1) {
    yield* counted(thread(`thread-${index}`, ORDINARY_TURNS, { answers: 1, activities: ORDINARY_ACTIVITIES }));
    // As in real use: nearly everything that is over is archived.
    if (index % 10 !== 0) yield* counted([event(`thread-${index}`, "thread.archived", {})].values() as never);
  }
}

/** Appends at least so many events to an empty log and tells how many it were. */
export async function writeLog(
  store: Store,
  place: Place,
  events: number,
  longThreads: LongThreads = [LONG_THREAD, HEAVY_THREAD],
): Promise<number> {
  const columns = HUB_COLUMNS["orchestration_events"] ?? [];
  const versions = new Map<string, number>();
  let rows: (string | number | null)[][] = [];
  let sequence = 0;
  const flush = async (): Promise<void> => {
    await store.commit({
      guards: [],
      statements: insertRows(store.dialect, "orchestration_events", columns, rows),
    });
    rows = [];
  };
  for (const { streamId, eventType, payload } of log(place, events, longThreads)) {
    sequence += 1;
    const version = (versions.get(streamId) ?? 0) + 1;
    versions.set(streamId, version);
    rows.push([
      sequence,
      // Ordered by time, as the hub's ids are.
      `0190${sequence.toString(16).padStart(12, "0")}-7000-8000-0123456789ab`,
      place.spaceId,
      streamId === "project" ? "project" : "thread",
      streamId,
      version,
      eventType,
      "1.0",
      isoTime(STARTS_MS + sequence * 20),
      null,
      null,
      null,
      "provider",
      place.actorId,
      JSON.stringify(payload),
      JSON.stringify({ ingestedAt: isoTime(STARTS_MS + sequence * 20), adapterKey: "acp" }),
    ]);
    if (rows.length >= ROWS_PER_COMMIT) await flush();
  }
  await flush();
  return sequence;
}
