// Several processes on one database: a decision is proven again under the lock of its append, and readers of the log
// never miss. Two event cores on one file stand for two processes.
import { type WireEvent, WireEvent as WireEventSchema } from "@muster/contracts";
import { activity, command, createProject, createThread, delta, entries, startTurn } from "@muster/core/testing";
import type { Batch, CommitResult, Store } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Orchestration } from "../ports.ts";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, refusalOf, until, type World } from "./test-world.ts";

let world: World;
let other: Orchestration;
/** Runs before each commit of the first process. */
let beforeCommit: (batch: Batch) => Promise<void>;
let conflicts: number;

const wrapStore = (store: Store): Store => ({
  dialect: store.dialect,
  read: (query) => store.read(query),
  readTransaction: (queries) => store.readTransaction(queries),
  migrate: (set, stamp) => store.migrate(set, stamp),
  close: () => store.close(),
  async commit(batch): Promise<CommitResult> {
    await beforeCommit(batch);
    const result = await store.commit(batch);
    if (result.status === "conflict") conflicts += 1;
    return result;
  },
});

beforeEach(async () => {
  beforeCommit = async () => {};
  conflicts = 0;
  world = await openWorld({ isFile: true, wrapStore });
  world.nodes.connected.clear();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  other = (await world.another()).orchestration;
});
afterEach(() => world.close());

const rename = (title: string, fields: Record<string, unknown> = {}) =>
  command("thread.meta.update", { threadId: "thread", title, ...fields });

/** Does something once, in the other process, between the first process's decision and its append. */
const meanwhile = (work: () => Promise<unknown>): void => {
  let isDone = false;
  beforeCommit = async () => {
    if (isDone) return;
    isDone = true;
    await work();
  };
};

onBothDatabases("an append", () => {
  it("names the version it was decided against and is decided again when another process was faster (ORC-4)", async () => {
    await world.dispatch(rename("cached"));
    await other.dispatch(OWNER, rename("by the other"));
    await world.dispatch(rename("by the first"));
    expect(conflicts).toBe(1);
    const rows = await world.rows(
      "SELECT stream_version FROM orchestration_events WHERE stream_id = 'thread' ORDER BY sequence",
    );
    expect(rows.map((row) => row["stream_version"])).toEqual([1, 2, 3, 4]);
  });

  it("is decided on the new state: what was right before may be refused now (ORC-4)", async () => {
    meanwhile(() => other.dispatch(OWNER, startTurn("theirs")));
    expect(await world.refusal(startTurn("ours"))).toBe("turn_in_progress");
    expect(conflicts).toBe(1);
  });

  it("gives up after five tries, and leaves no receipt (ORC-4, ORC-20)", async () => {
    let times = 0;
    beforeCommit = async (batch) => {
      if (!batch.statements.some(({ parameters }) => parameters.includes("contended"))) return;
      times += 1;
      await other.dispatch(OWNER, rename(`faster ${times}`));
    };
    expect(await world.refusal(rename("mine", { commandId: "contended" }))).toBe("concurrency_conflict");
    expect(times).toBe(5);
    expect(await world.rows("SELECT * FROM orchestration_command_receipts WHERE command_id = 'contended'")).toEqual([]);
    beforeCommit = async () => {};
    expect(await world.dispatch(rename("mine", { commandId: "contended" }))).toMatchObject({ receipt: "accepted" });
  });

  it("that is contended does not use up the tries of its neighbours (ORC-21)", async () => {
    await world.dispatch(createThread({ threadId: "calm" }));
    beforeCommit = async (batch) => {
      if (batch.statements.some(({ parameters }) => parameters.includes("contended")))
        await other.dispatch(OWNER, rename("faster"));
    };
    const [contended, calm] = await Promise.all([
      refusalOf(world.dispatch(rename("mine", { commandId: "contended" }))),
      world.dispatch(command("thread.meta.update", { threadId: "calm", title: "calm" })),
    ]);
    expect(contended).toBe("concurrency_conflict");
    expect(calm.receipt).toBe("accepted");
  });

  it("proves what it read elsewhere: a thread can't be created in a project that goes (ORC-4)", async () => {
    meanwhile(() => other.dispatch(OWNER, command("project.delete", { projectId: "project", force: true })));
    expect(await world.refusal(createThread({ threadId: "late" }))).toBe("project_not_found");
  });

  it("proves what it read elsewhere: a project with a thread that comes can't go unforced (ORC-4)", async () => {
    await world.dispatch(createProject({ projectId: "empty" }));
    meanwhile(() => other.dispatch(OWNER, createThread({ threadId: "late", projectId: "empty" })));
    expect(await world.refusal(command("project.delete", { projectId: "empty" }))).toBe("project_has_threads");
  });

  it.each([
    ["a detach", "UPDATE runtime_node_attachments SET state = 'offline' WHERE node_id = 'node'", "node_not_attached"],
    ["a raised floor", "UPDATE sessions SET min_client_version = '9.0'", "version.floor_exceeded"],
  ])("proves what it read elsewhere: a turn can't start beside %s (ORC-4)", async (_what, sql, code) => {
    meanwhile(() => world.store.commit({ guards: [], statements: [{ sql, parameters: [] }] }));
    expect(await world.refusal(startTurn("turn"))).toBe(code);
    expect(conflicts).toBe(1);
  });

  it.each([
    ["a detach", "UPDATE runtime_node_attachments SET state = 'offline' WHERE node_id = 'node'", "node_not_attached"],
    ["a suspension", "UPDATE session_memberships SET state = 'suspended'", "runtimenode.permission_denied"],
  ])("NOD-16 proves what it read elsewhere: a project can't be made beside %s", async (_what, sql, code) => {
    meanwhile(() => world.run(sql));
    expect(await world.refusal(createProject({ projectId: "another" }))).toBe(code);
    expect(conflicts).toBe(1);
  });

  it("proves what it read elsewhere: a turn is not ended here whose start is just handed over (ORC-4, ORC-32)", async () => {
    await world.dispatch(startTurn("turn"));
    const claim = "UPDATE orchestration_effects SET status = 'running', attempt_count = 1, fence = 1";
    meanwhile(() => world.run(claim));
    await world.dispatch(command("thread.turn.interrupt", { threadId: "thread" }));
    expect(conflicts).toBe(1);
    expect(await world.rows("SELECT status FROM projection_thread_turns")).toEqual([{ status: "running" }]);
    expect((await world.eventTypes()).at(-1)).toBe("thread.turn-interrupt-requested");
  });

  it("proves that ids were never used: the same turn in another thread of another process (ORC-4, ORC-18)", async () => {
    await world.dispatch(createThread({ threadId: "second" }));
    meanwhile(() => other.dispatch(OWNER, startTurn("turn", { threadId: "second" })));
    expect(await world.refusal(startTurn("turn"))).toBe("turn_exists");
  });

  it("proves its receipt: the same command in two processes runs once (ORC-20)", async () => {
    const start = startTurn("turn", { commandId: "once" });
    const answers: unknown[] = [];
    meanwhile(async () => answers.push(await other.dispatch(OWNER, start)));
    const answer = await world.dispatch(start);
    expect(answers).toEqual([{ ...answer, receipt: "accepted" }]);
    expect(answer.receipt).toBe("duplicate");
    expect(await world.eventTypes()).toEqual(["thread.created", "thread.message-sent", "thread.turn-start-requested"]);
  });
});

onBothDatabases("a journal that reaches two hubs", () => {
  it("is never set back: a batch that comes late moves no cursor that stands beyond it (ORC-22)", async () => {
    await world.dispatch(startTurn("turn"));
    const { journalId } = world;
    // It is about no stream that there is, so that none's version tells that somebody was faster.
    const refused = activity("note", { threadId: "nowhere" });
    const list = entries(1, [refused, delta(0, "one "), delta(4, "two")]);
    meanwhile(() => other.ingest(nodeIdentity(), { journalId, firstSequence: 1, entries: list }));
    expect(await world.ingestEntries(1, list.slice(0, 1))).toEqual({ lastSequence: 3 });
    expect(conflicts).toBe(1);
    expect(await world.rows("SELECT last_sequence FROM ingest_cursors")).toEqual([{ last_sequence: 3 }]);
    expect(await world.rows("SELECT sequence FROM ingest_rejected")).toEqual([{ sequence: 1 }]);
  });
});

onBothDatabases("readers by sequence", () => {
  it("never miss an event while two processes append (ORC-5)", async () => {
    const WRITES = 150;
    const writers = Promise.all(
      [world.orchestration, other].map(async (orchestration, writer) => {
        for (let index = 0; index < WRITES; index += 1) {
          await Promise.all([
            orchestration.dispatch(OWNER, createThread({ threadId: `thread-${writer}-${index}` })),
            orchestration.dispatch(OWNER, createThread({ threadId: `more-${writer}-${index}` })),
          ]);
        }
      }),
    );
    let isOver = false;
    const done = writers.finally(() => {
      isOver = true;
    });
    const seen: WireEvent[] = [];
    let position = 0;
    const readOn = async (): Promise<number> => {
      const page = await other.getEventsPage(OWNER, { after: position, limit: 7 });
      seen.push(...page.events);
      position = page.nextAfter;
      return page.events.length;
    };
    while (!isOver) {
      await readOn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    while ((await readOn()) > 0);
    const rows = await world.rows("SELECT sequence FROM orchestration_events ORDER BY sequence");
    expect(seen.map((event) => event.sequence)).toEqual(rows.map((row) => row["sequence"]));
    expect(seen).toHaveLength(2 + 4 * WRITES);
  });
});

onBothDatabases("events that this program does not know", () => {
  const STRANGE = [
    { type: "thread.dreamt", version: "1.0", payload: '{"of":["sheep"],  "spaces":"kept"}' },
    { type: "thread.archived", version: "2.0", payload: '{"by":"a later program"}' },
    { type: "thread.meta-updated", version: "1.0", payload: '{"title": 7}' },
    { type: "thread.archived", version: "1.0", payload: "no json at all" },
    { type: "thread.archived", version: "1.0", payload: "[]" },
  ];
  /** As another program would have appended them, with the projectors left where they were. */
  const appendStrange = async (): Promise<void> => {
    for (const [index, { type, version, payload }] of STRANGE.entries()) {
      await world.run(
        `INSERT INTO orchestration_events SELECT (SELECT max(sequence) + 1 FROM orchestration_events), 'strange-${index}', space_id,
         aggregate_kind, stream_id, ${2 + index}, ?, ?, occurred_at, NULL, NULL, NULL, actor_kind, actor_id, ?, '{}'
         FROM orchestration_events WHERE stream_id = 'thread' AND stream_version = 1`,
        type,
        version,
        payload,
      );
    }
  };
  const cursors = async () =>
    new Set((await world.rows("SELECT last_applied_sequence AS at FROM projection_state")).map((row) => row["at"]));

  it("are kept byte for byte, skipped with one warning that counts them, and start-up goes on (ORC-6)", async () => {
    await appendStrange();
    await world.restart();
    const rows = await world.rows(
      "SELECT event_type, schema_version, payload_json FROM orchestration_events WHERE event_id LIKE 'strange%' ORDER BY sequence",
    );
    expect(rows).toEqual(
      STRANGE.map(({ type, version, payload }) => ({
        event_type: type,
        schema_version: version,
        payload_json: payload,
      })),
    );
    expect(world.bugs.map(String)).toEqual([
      `Error: Projectors skipped ${STRANGE.length} events that this program cannot read: 1 of thread.dreamt 1.0, 1 of thread.archived 2.0, 1 of thread.meta-updated 1.0, 2 of thread.archived 1.0.`,
    ]);
    expect(await cursors()).toEqual(new Set([2 + STRANGE.length]));
    expect(await world.rows("SELECT archived_at, title FROM projection_threads")).toEqual([
      { archived_at: null, title: "A thread" },
    ]);
  });

  it("do not stop commands, not even when they come while this program serves (ORC-6)", async () => {
    await appendStrange();
    await world.dispatch(rename("after them"));
    expect(await cursors()).toEqual(new Set([3 + STRANGE.length]));
    expect(await world.rows("SELECT title FROM projection_threads")).toEqual([{ title: "after them" }]);
  });

  it("travel to readers as they are (ORC-6)", async () => {
    await appendStrange();
    const { events } = await world.orchestration.getEventsPage(OWNER, { after: 2, limit: 10 });
    for (const event of events) expect(WireEventSchema.parse(event)).toEqual(event);
    expect(events.map(({ payload }) => payload)).toEqual([
      { of: ["sheep"], spaces: "kept" },
      { by: "a later program" },
      { title: 7 },
      { undecodable: true },
      { undecodable: true },
    ]);
  });
});

onBothDatabases("projectors that lie behind", () => {
  it("catch up before the next append goes on top of them (ORC-25)", async () => {
    await world.run("UPDATE projection_state SET last_applied_sequence = 0 WHERE projector = 'thread_sessions'");
    await world.run("DELETE FROM projection_thread_sessions");
    await world.dispatch(startTurn("turn"));
    expect(await world.rows("SELECT thread_id, status FROM projection_thread_sessions")).toEqual([
      { thread_id: "thread", status: "starting" },
    ]);
    expect(await world.rows("SELECT projector FROM projection_state WHERE last_applied_sequence <> 4")).toEqual([]);
  });

  it("are brought up by two starting processes at once to one result (ORC-25)", async () => {
    for (let index = 0; index < 1_200; index += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_one, place) => world.dispatch(createThread({ threadId: `t-${index + place}` }))),
      );
    }
    await world.run("UPDATE projection_state SET last_applied_sequence = 0 WHERE projector = 'threads'");
    await world.run("DELETE FROM projection_threads");
    await Promise.all([world.another(), world.another({ replicaId: "third" })]);
    expect(await world.rows("SELECT count(*) AS n FROM projection_threads")).toEqual([{ n: 1_201 }]);
    expect(await world.rows("SELECT DISTINCT last_applied_sequence AS at FROM projection_state")).toEqual([
      { at: 1_202 },
    ]);
  });
});

onBothDatabases("a process beside", () => {
  it("shows what the other wrote as soon as someone asks for it", async () => {
    const { sequence } = await other.dispatch(OWNER, rename("by the other"));
    const abort = new AbortController();
    const feed = world.orchestration.feed(OWNER, { after: String(sequence - 1), signal: abort.signal });
    const { value } = await feed.next();
    expect(value?.message).toMatchObject({ type: "event", event: { sequence } });
    abort.abort();
    await feed.return(undefined);
    await until(() => world.orchestration.head().headSequence === sequence);
  });
});
