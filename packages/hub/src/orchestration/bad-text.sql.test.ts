// Text that no database can keep, in every place where people, nodes and agents may put text: refused at the door or
// kept with a mark, the same on both databases, and never in the way of what comes with it.
import {
  type ClientCommand,
  ClientCommand as ClientCommandSchema,
  Frame,
  type FrameOf,
  FrameReader,
  storableJson,
} from "@muster/contracts";
import { sha256Hex } from "@muster/core";
import { createProject, createThread, startTurn } from "@muster/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { nodeIdentity, onBothDatabases, openWorld, settled, until, type World } from "./test-world.ts";

/** Histories per property; more of them for a long search: PROPERTY_RUNS=1000. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 15);
const UNITS = ["a", "é", "😀", "\0", "\ud83d", "\ude00", "\ufffd", '"', "\\", "'", "\u2028"];
const someText = fc.string({ unit: fc.constantFrom(...UNITS), minLength: 1, maxLength: 6 });

type Fields = Readonly<Record<string, unknown>>;
/** A client's command with the text in one place; `n` makes ids that were not used before. */
const COMMANDS: readonly ((text: string, n: number) => Fields)[] = [
  (text) => ({ ...createProject({ projectId: "another" }), projectId: text }),
  (text, n) => ({ ...createProject({ projectId: `project-${n}` }), title: text }),
  (text, n) => ({ ...createProject({ projectId: `project-${n}` }), workspaceRoot: `/work/${text}` }),
  (text, n) => ({ ...createProject({ projectId: `project-${n}` }), nodeId: text }),
  (text, n) => ({ ...createProject({ projectId: `project-${n}` }), sessionId: text }),
  (text, n) => ({ ...createProject({ projectId: `project-${n}` }), defaultModel: text }),
  (text) => ({ type: "project.meta.update", projectId: "project", title: text }),
  (text) => ({ type: "project.meta.update", projectId: "project", scripts: [{ name: text, command: text }] }),
  (text, n) => ({ ...createThread({ threadId: `thread-${n}` }), title: text }),
  (text, n) => ({ ...createThread({ threadId: `thread-${n}` }), provider: text }),
  (text, n) => ({ ...createThread({ threadId: `thread-${n}` }), branch: text, worktreePath: text }),
  (text) => ({ type: "thread.meta.update", threadId: "thread", model: text }),
  (text) => ({ type: "thread.meta.update", threadId: "thread", commandId: text, title: "x" }),
  (text, n) => ({ ...startTurn(`queued-${n}`, { whenBusy: "queue" }), model: text }),
  (text, n) => prompt(n, { text }),
  (text, n) => prompt(n, { text: "x", attachments: [{ name: "a", mediaType: "text/plain", text }] }),
  (text, n) => prompt(n, { text: "x", attachments: [{ name: text, mediaType: text, text: "x" }] }),
  (text) => ({ type: "thread.approval.respond", threadId: "thread", requestId: text, decision: "accept" }),
  (text) => ({
    type: "thread.checkpoint.revert",
    threadId: "thread",
    checkpointRef: `refs/muster/checkpoints/${text}`,
  }),
];
const prompt = (n: number, message: Fields): Fields => ({
  ...startTurn(`queued-${n}`, { whenBusy: "queue" }),
  message: { messageId: `queued-${n}-message`, role: "user", ...message },
});

/** What a node reports with the text in one place, as it goes over the wire. */
const REPORTS: readonly ((text: string, n: number) => unknown)[] = [
  (text, n) => ({ ...report("message.assistant.delta"), turnId: "turn", messageId: `answer-${n}`, offset: 0, text }),
  (text, n) => ({ ...report("message.assistant.complete"), turnId: "turn", messageId: `answer-${n}`, offset: 0, text }),
  (text) => ({ ...report("message.assistant.delta"), turnId: "turn", messageId: text, offset: 0, text: "x" }),
  (text) => ({ ...note, summary: text }),
  (text) => ({ ...note, kind: text }),
  (text) => ({ ...note, turnId: text }),
  (text) => ({ ...note, payload: { output: text, [text]: [{ [text]: text }] } }),
  (text) => ({ ...note, kind: "tool.completed", tone: "tool", payload: { itemId: text, title: text, output: text } }),
  (text, n) => ({ ...note, ...question, payload: { ...question.payload, requestId: `asked-${n}`, title: text } }),
  (text) => ({ ...note, ...question, payload: { ...question.payload, requestId: text } }),
  (text) => ({
    ...checkpoint,
    files: [{ path: text, previousPath: text, status: "renamed", additions: 1, deletions: 0 }],
  }),
  (text) => ({ ...checkpoint, diff: text }),
  (text) => ({ ...checkpoint, checkpointRef: `refs/muster/checkpoints/thread/${text}` }),
  (text) => ({ ...session, providerName: text, providerThreadId: text, lastError: text }),
  (text) => ({ ...session, providerSessionId: text }),
  (text) => ({ ...report("approval.expire"), requestId: "none", reason: text }),
  (text) => ({ ...note, type: text }),
  (text) => ({ ...note, threadId: text }),
  (text) => text,
];
const report = (type: string) => ({ type: `thread.${type}`, threadId: "thread" });
const note = { ...report("activity.append"), turnId: null, tone: "info", kind: "note", summary: "note", payload: {} };
const question = {
  turnId: "turn",
  tone: "approval",
  kind: "approval.requested",
  payload: { kind: "command", title: "May I?", options: [{ decision: "accept", label: "Yes" }] },
};
const checkpoint = {
  ...report("turn.diff.complete"),
  turnId: "turn",
  turnCount: 1,
  checkpointRef: "refs/muster/checkpoints/thread/turn/1",
  status: "ready",
  files: [],
  diff: "",
  truncated: false,
};
const session = {
  ...report("session.set"),
  status: "running",
  providerName: "sample",
  providerSessionId: null,
  providerThreadId: null,
  activeTurnId: null,
  lastError: null,
};

/** As the uplink reads it; it must be able to. */
function received(firstSequence: number, commands: readonly unknown[]): FrameOf<"ingest.batch">["entries"] {
  const entries = commands.map((command, index) => ({
    sequence: firstSequence + index,
    command,
    correlationId: null,
    createdAt: "2026-01-01T00:00:00.000Z",
  }));
  const text = JSON.stringify({ type: "ingest.batch", journalId: "journal", firstSequence, entries });
  const frame = new FrameReader({ digest: sha256Hex }).read(text);
  if (frame?.type !== "ingest.batch") throw new Error("a batch is a batch");
  return frame.entries;
}

const TABLES = [
  "orchestration_events",
  "orchestration_command_receipts",
  "orchestration_effects",
  "checkpoint_diff_blobs",
  "ingest_rejected",
  "projection_projects",
  "projection_threads",
  "projection_thread_messages",
  "projection_thread_activities",
  "projection_thread_sessions",
  "projection_thread_turns",
  "projection_checkpoints",
  "projection_pending_approvals",
];
/** Of every stored value, taken apart where it is JSON: what is not as `storableText` makes it. */
async function badValues(world: World): Promise<string[]> {
  const bad: string[] = [];
  for (const table of TABLES) {
    for (const row of await world.rows(`SELECT * FROM ${table}`)) {
      for (const [column, value] of Object.entries(row)) {
        if (typeof value !== "string") continue;
        const whole: unknown = column.endsWith("_json") ? JSON.parse(value) : value;
        if (JSON.stringify(storableJson(whole)) !== JSON.stringify(whole)) bad.push(`${table}.${column}: ${value}`);
      }
    }
  }
  return bad;
}

async function openBusyWorld(): Promise<World> {
  const world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  await world.dispatch(startTurn("turn"));
  return world;
}

onBothDatabases("text that no database can keep", () => {
  it("in a client's command is refused at the door or kept with a mark, and never meets the database (ORC-18)", async () => {
    const asked = fc.array(fc.tuple(fc.nat(COMMANDS.length - 1), someText), { minLength: 5, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(asked, async (commands) => {
        const world = await openBusyWorld();
        try {
          const outcomes = commands.map(async ([which, text], n) => {
            const fields = { commandId: `c-${n}`, ...COMMANDS[which]?.(text, n) };
            const parsed = ClientCommandSchema.safeParse(fields);
            if (!parsed.success) return "refused at the door";
            return world.dispatch(parsed.data as ClientCommand).then(
              () => "accepted",
              (error) => error.code,
            );
          });
          expect(await Promise.all(outcomes)).not.toContain("internal_error");
          await settled();
          expect([await badValues(world), world.bugs]).toEqual([[], []]);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it("in a node's report is kept with a mark or passed, and what comes with it is taken (ORC-22)", async () => {
    const told = fc.array(fc.tuple(fc.nat(REPORTS.length - 1), someText), { minLength: 5, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(told, async (reports) => {
        const world = await openBusyWorld();
        try {
          const commands = reports.flatMap(([which, text], n) => [
            REPORTS[which]?.(text, n),
            { ...note, kind: `marker-${n}` },
          ]);
          expect(await world.ingestEntries(1, received(1, commands))).toEqual({ lastSequence: commands.length });
          const markers = await world.rows(
            "SELECT kind FROM projection_thread_activities WHERE kind LIKE 'marker-%' ORDER BY kind",
          );
          expect(markers).toHaveLength(reports.length);
          await settled();
          expect([await badValues(world), world.bugs]).toEqual([[], []]);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it("of an agent counts the same for offsets, stored, trimmed and live (ORC-23)", async () => {
    const world = await openBusyWorld();
    try {
      const at = { ...report("message.assistant.delta"), turnId: "turn", messageId: "answer" };
      const pieces = [
        { ...at, offset: 0, text: "a\0\ud83d" },
        // Begins in the middle of what is stored, with a pair that the cut takes apart.
        { ...at, offset: 2, text: "😀b" },
        { ...at, offset: 5, text: "!" },
      ];
      await world.ingestEntries(1, received(1, pieces));
      const text = "a\ufffd\ufffd\ufffdb!";
      expect(await world.rows("SELECT text FROM projection_thread_messages WHERE message_id = 'answer'")).toEqual([
        { text },
      ]);
      const told = await world.rows(
        "SELECT payload_json FROM orchestration_events WHERE event_type = 'thread.message-sent' AND actor_kind = 'provider' ORDER BY sequence",
      );
      expect(told.map((row) => JSON.parse(String(row["payload_json"])).text).join("")).toBe(text);
    } finally {
      await world.close();
    }
  });

  it("of an agent that failed is kept with its effect", async () => {
    const world = await openBusyWorld();
    try {
      await until(() => world.nodes.runs.length === 1);
      const { effectId = "", fence = 0 } = world.nodes.runs[0] ?? {};
      const result = { type: "effect.result", effectId, fence, epoch: 1 };
      const error = { code: "agent_died", message: "it said \0 and \ud83d", retryable: false };
      const frame = Frame.parse({ ...result, error }) as FrameOf<"effect.result">;
      await world.orchestration.effectResult(nodeIdentity(), {
        effectId,
        fence,
        ...(frame.error && { error: frame.error }),
      });
      await settled();
      expect(await world.rows("SELECT status FROM projection_thread_turns WHERE turn_id = 'turn'")).toEqual([
        { status: "error" },
      ]);
      expect([await badValues(world), world.bugs]).toEqual([[], []]);
    } finally {
      await world.close();
    }
  });
});

onBothDatabases("an entry that this hub cannot read", () => {
  it("is passed, written down and told in its thread, once, and what follows it is taken (ORC-22)", async () => {
    const world = await openBusyWorld();
    try {
      const commands = [
        { ...note, kind: "before" },
        { ...note, type: "thread.of.tomorrow" },
        7,
        { ...note, kind: "after" },
      ];
      const entries = received(1, commands);
      expect(await world.ingestEntries(1, entries)).toEqual({ lastSequence: 4 });
      expect(await world.ingestEntries(1, entries)).toEqual({ lastSequence: 4 });
      expect(await world.rows("SELECT sequence, code FROM ingest_rejected ORDER BY sequence")).toEqual([
        { sequence: 2, code: "validation_failed" },
        { sequence: 3, code: "validation_failed" },
      ]);
      const told = await world.rows("SELECT kind FROM projection_thread_activities ORDER BY activity_id");
      expect(told.map((row) => row["kind"])).toEqual(["before", "ingest.rejected", "after"]);
    } finally {
      await world.close();
    }
  });

  it("that tells a turn's end ends it nevertheless, and an entry of another node's thread says nothing (ORC-19, ORC-22)", async () => {
    const world = await openBusyWorld();
    try {
      const end = { ...report("turn.settle"), turnId: "turn", status: "of tomorrow" };
      await world.ingestEntries(1, received(1, [end]), nodeIdentity("other-node"));
      expect(await world.rows("SELECT status FROM projection_thread_turns")).toEqual([{ status: "running" }]);
      await world.ingestEntries(1, received(1, [end]));
      expect(await world.rows("SELECT status, reason FROM projection_thread_turns")).toEqual([
        { status: "error", reason: "end_unreadable" },
      ]);
      expect(await world.rows("SELECT kind FROM projection_thread_activities")).toEqual([{ kind: "ingest.rejected" }]);
    } finally {
      await world.close();
    }
  });
});
