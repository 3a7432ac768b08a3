// Faults for the checker's own test, each with the promise that it breaks: one statement in the database, or one line of
// what clients, readers and agents say.
import { startTurn } from "@muster/core/testing";
import type { PromiseName } from "./checker.ts";
import type { Evidence } from "./evidence.ts";
import { type LedgerRecord, requestOf } from "./record.ts";

const EVENT = "UPDATE orchestration_events SET";
const AT_HEAD = "sequence = (SELECT max(sequence) FROM orchestration_events)";
const SETTLED = "event_type = 'thread.turn-settled' AND payload_json LIKE '%turn-4%'";

/** [the promise it breaks, what happened, the statement]. */
export const STATEMENTS: readonly (readonly [PromiseName, string, string])[] = [
  ["commands", "a receipt is lost", "DELETE FROM orchestration_command_receipts WHERE command_type = 'thread.create'"],
  [
    "commands",
    "the events of an accepted command are lost",
    "DELETE FROM orchestration_events WHERE event_type = 'thread.created'",
  ],
  [
    "commands",
    "a receipt names another event",
    "UPDATE orchestration_command_receipts SET result_sequence = result_sequence - 1 WHERE command_type = 'thread.create'",
  ],
  [
    "commands",
    "an accepted command is told as refused",
    `UPDATE orchestration_command_receipts SET status = 'rejected', error_json = '{"code":"thread_archived"}' WHERE command_type = 'thread.create'`,
  ],
  [
    "commands",
    "a refusal has another reason",
    `UPDATE orchestration_command_receipts SET error_json = '{"code":"thread_archived"}' WHERE status = 'rejected'`,
  ],
  [
    "commands",
    "a receipt was made up",
    "UPDATE orchestration_command_receipts SET command_id = 'nobody' WHERE status = 'rejected'",
  ],
  ["log", "a stream has a gap", `${EVENT} stream_version = stream_version + 1 WHERE ${AT_HEAD}`],
  [
    "log",
    "an event is lost",
    "DELETE FROM orchestration_events WHERE event_type = 'thread.turn-diff-completed' AND payload_json LIKE '%turn-1%'",
  ],
  ["turns", "a turn never ended", `DELETE FROM orchestration_events WHERE ${SETTLED}`],
  [
    "turns",
    "a turn ended twice",
    `INSERT INTO orchestration_events SELECT sequence + 1000, 'doubled', space_id, aggregate_kind, stream_id, stream_version + 1000, event_type,
       schema_version, occurred_at, command_id, causation_event_id, correlation_id, actor_kind, actor_id, payload_json, metadata_json
       FROM orchestration_events WHERE ${SETTLED}`,
  ],
  [
    "turns",
    "a row shows a running turn",
    "UPDATE projection_thread_turns SET status = 'running' WHERE turn_id = 'turn-2'",
  ],
  ["turns", "a session hangs", "UPDATE projection_thread_sessions SET status = 'running'"],
  [
    "queue",
    "a turn overtook another",
    `${EVENT} payload_json = replace(replace(replace(payload_json, '"turn-2"', '"turn-x"'), '"turn-4"', '"turn-2"'), '"turn-x"', '"turn-4"')
       WHERE event_type = 'thread.turn-queued'`,
  ],
  [
    "texts",
    "a stored piece is another",
    `${EVENT} payload_json = replace(payload_json, '"Hel"', '"Hal"') WHERE payload_json LIKE '%turn-2-answer%'`,
  ],
  [
    "texts",
    "a stored piece is lost",
    `DELETE FROM orchestration_events WHERE payload_json LIKE '%turn-2-answer%' AND payload_json LIKE '%"Hel"%'`,
  ],
  [
    "texts",
    "a row's text goes on",
    "UPDATE projection_thread_messages SET text = text || '!' WHERE message_id = 'turn-2-answer'",
  ],
  [
    "texts",
    "a message never ends",
    "UPDATE projection_thread_messages SET is_streaming = 1 WHERE message_id = 'turn-2-answer'",
  ],
  [
    "approvals",
    "an answer is lost",
    "DELETE FROM orchestration_events WHERE event_type = 'thread.approval-response-requested'",
  ],
  [
    "approvals",
    "another answer is stored",
    `${EVENT} payload_json = replace(payload_json, '"accept"', '"decline"') WHERE event_type = 'thread.approval-response-requested'`,
  ],
  ["approvals", "a row is still open", "UPDATE projection_pending_approvals SET status = 'pending'"],
  ["reverts", "a revert never ended", "DELETE FROM orchestration_events WHERE event_type = 'thread.reverted'"],
  [
    "reverts",
    "nobody asked for a revert",
    "DELETE FROM orchestration_events WHERE event_type = 'thread.checkpoint-revert-requested'",
  ],
  [
    "projections",
    "a projector lags",
    "UPDATE projection_state SET last_applied_sequence = last_applied_sequence - 1 WHERE projector = 'threads'",
  ],
  ["projections", "a row differs", "UPDATE projection_threads SET title = 'Another'"],
  ["projections", "a row is lost", "DELETE FROM projection_checkpoints WHERE checkpoint_turn_count = 2"],
  [
    "projections",
    "a row came from nowhere",
    "INSERT INTO projection_thread_sessions SELECT space_id, 'nobody', status, provider_name, provider_session_id, provider_thread_id, active_turn_id, last_error, updated_at FROM projection_thread_sessions",
  ],
  ["effects", "an effect waits", "UPDATE orchestration_effects SET status = 'pending' WHERE turn_id = 'turn-2'"],
  ["effects", "an effect is lost", "DELETE FROM orchestration_effects WHERE turn_id = 'turn-2'"],
  [
    "effects",
    "an effect came from nowhere",
    "UPDATE orchestration_effects SET event_id = 'nothing' WHERE turn_id = 'turn-2'",
  ],
  ["ingest", "the hub lags behind the journal", "UPDATE ingest_cursors SET last_sequence = last_sequence - 1"],
  [
    "ingest",
    "the journal's entries are the hub's under another name",
    "UPDATE ingest_cursors SET journal_id = 'another'",
  ],
  ["ingest", "a good entry was refused", "UPDATE ingest_rejected SET code = 'internal_error'"],
];

export type EvidenceDraft = { -readonly [Key in keyof Evidence]: Evidence[Key] };
const without = <Item>(list: readonly Item[], is: (item: Item) => boolean): Item[] => {
  const index = list.findIndex(is);
  return list.filter((_item, at) => at !== index);
};
const begins = (turnId: string) => (line: LedgerRecord) => line.request === requestOf(turnId) && line.kind === "begin";

/** [the promise it breaks, what happened, the change]. */
export const LINES: readonly (readonly [PromiseName, string, (record: EvidenceDraft) => void])[] = [
  [
    "commands",
    "an answer was given twice with two numbers",
    (record) => {
      const [first] = record.commands;
      if (first?.outcome.status === "accepted")
        record.commands = [
          ...record.commands,
          { ...first, outcome: { ...first.outcome, sequence: first.outcome.sequence + 1 } },
        ];
    },
  ],
  [
    "commands",
    "a command was answered that is in no log",
    (record) => {
      record.commands = [
        ...record.commands,
        { command: startTurn("lost"), outcome: { status: "accepted", generation: "g", sequence: 3 }, tries: 1 },
      ];
    },
  ],
  [
    "commands",
    "an accepted command was answered with a refusal",
    (record) => {
      record.commands = record.commands.map((one) =>
        one.command.type === "thread.create" ? { ...one, outcome: { status: "refused", code: "thread_exists" } } : one,
      );
    },
  ],
  [
    "log",
    "an event came twice",
    (record) => {
      record.hub = {
        ...record.hub,
        events: record.hub.events.flatMap((event, index) => (index === 5 ? [event, event] : [event])),
      };
    },
  ],
  [
    "log",
    "two events changed places",
    (record) => {
      const [one, two, ...rest] = record.hub.events;
      if (one !== undefined && two !== undefined) record.hub = { ...record.hub, events: [two, one, ...rest] };
    },
  ],
  [
    "executions",
    "a turn ran twice",
    (record) => {
      record.ledger = [...record.ledger, ...record.ledger.filter(begins("turn-2"))];
    },
  ],
  [
    "executions",
    "a completed turn never ran",
    (record) => {
      record.ledger = record.ledger.filter(({ request }) => request !== requestOf("turn-2"));
    },
  ],
  [
    "executions",
    "a completed turn never came to its end",
    (record) => {
      record.ledger = without(record.ledger, ({ request, kind }) => request === requestOf("turn-2") && kind === "end");
    },
  ],
  [
    "executions",
    "a cancelled turn ran",
    (record) => {
      record.ledger = [...record.ledger, { pid: 1, request: requestOf("turn-3"), kind: "begin" }];
    },
  ],
  [
    "texts",
    "the agent said more",
    (record) => {
      record.ledger = [...record.ledger, { pid: 1, request: requestOf("turn-2"), kind: "said", text: "!" }];
    },
  ],
  [
    "approvals",
    "the agent was told something else",
    (record) => {
      record.ledger = record.ledger.map((line) => (line.kind === "decided" ? { ...line, outcome: "reject" } : line));
    },
  ],
  [
    "effects",
    "the node never took what succeeded",
    (record) => {
      record.daemon = { ...record.daemon, effectsSeen: record.daemon.effectsSeen.slice(1) };
    },
  ],
  [
    "effects",
    "the daemon still counts a turn as running",
    (record) => {
      record.daemon = {
        ...record.daemon,
        effectsSeen: [...record.daemon.effectsSeen, { effect_id: "turn:turn-2", state: "running" }],
      };
    },
  ],
  [
    "effects",
    "the daemon has half a revert",
    (record) => {
      const half = { effect_id: "given-up", state: "accepted", has_begun: 1 };
      record.daemon = { ...record.daemon, effectsSeen: [...record.daemon.effectsSeen, half] };
    },
  ],
  [
    "ingest",
    "the journal goes on",
    (record) => {
      record.daemon = { ...record.daemon, lastSequence: record.daemon.lastSequence + 1 };
    },
  ],
  [
    "followers",
    "a reader missed an event",
    (record) => change(record, (events) => without(events, ({ sequence }) => sequence === 6)),
  ],
  [
    "followers",
    "a reader heard an event twice",
    (record) => change(record, (events) => events.flatMap((event, index) => (index === 3 ? [event, event] : [event]))),
  ],
  [
    "followers",
    "a reader heard events in another order",
    (record) => change(record, ([one, two, ...rest]) => [two, one, ...rest].filter((event) => event !== undefined)),
  ],
  ["followers", "a reader never heard the end", (record) => change(record, (events) => events.slice(0, -1))],
  [
    "followers",
    "a reader heard another event",
    (record) =>
      change(record, (events) =>
        events.map((event, index) => (index === 3 ? { ...event, eventId: "another" } : event)),
      ),
  ],
  [
    "refs",
    "a checkpoint's ref is gone",
    (record) => {
      record.refs = new Set([...record.refs].slice(1));
    },
  ],
  [
    "refs",
    "a dropped turn's checkpoint stayed",
    (record) => {
      record.refs = new Set([...record.refs, "refs/muster/checkpoints/thread/turn/99"]);
    },
  ],
  [
    "leftovers",
    "an agent lives on",
    (record) => {
      record.leftovers = ["agent 7 outlived its daemon's next start"];
    },
  ],
  [
    "rest",
    "a turn waits until the next start",
    (record) => {
      record.unrest = ["turn 7 is running after 180 s without work or blows"];
    },
  ],
  [
    "problems",
    "the hub logged a bug",
    (record) => {
      record.problems = ["something unexpected happened"];
    },
  ],
];

type Heard = Evidence["followers"][number]["stretches"][number]["events"];
/** Changes what the last reader heard. */
function change(record: EvidenceDraft, to: (events: Heard) => Heard): void {
  record.followers = record.followers.map((follower, index) =>
    index < record.followers.length - 1
      ? follower
      : { ...follower, stretches: follower.stretches.map((stretch) => ({ ...stretch, events: to(stretch.events) })) },
  );
}
