// Group commit: what comes together goes into one transaction, nobody is answered before it, and one bad piece of work
// never fails its neighbours. The store is wrapped, so that commits can be counted, held back and broken.
import type { DispatchResult } from "@muster/contracts";
import { command, createProject, createThread, delta, settle, startTurn } from "@muster/core/testing";
import { type Batch, type CommitResult, type Store, StoreError } from "@muster/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases, openWorld, refusalOf, settled, until, type World } from "./test-world.ts";

type Commit = (batch: Batch) => Promise<CommitResult>;
let commits: Batch[];
/** What stands between the event core and the store's commit. */
let around: (batch: Batch, commit: Commit) => Promise<CommitResult>;
let world: World;

const wrapStore = (store: Store): Store => ({
  dialect: store.dialect,
  read: (query) => store.read(query),
  readTransaction: (queries) => store.readTransaction(queries),
  migrate: (set, stamp) => store.migrate(set, stamp),
  close: () => store.close(),
  commit: (batch) => {
    commits.push(batch);
    return around(batch, (one) => store.commit(one));
  },
});

beforeEach(async () => {
  commits = [];
  around = (batch, commit) => commit(batch);
  world = await openWorld({ wrapStore });
  // No effect is handed over here, so that every commit is the dispatcher's.
  world.nodes.connected.clear();
  await world.dispatch(createProject());
  for (let index = 0; index < 20; index += 1) await world.dispatch(createThread({ threadId: `thread-${index}` }));
  commits = [];
});
afterEach(() => world.close());

const rename = (index: number, fields: Record<string, unknown> = {}) =>
  command("thread.meta.update", { threadId: `thread-${index % 20}`, title: `title ${index}`, ...fields });
const settledCodes = (results: readonly PromiseSettledResult<DispatchResult>[]) =>
  results.map((result) => (result.status === "fulfilled" ? result.value.receipt : String(result.reason.code)));
/** Whether a batch writes this text somewhere. */
const holds = (batch: Batch, text: string): boolean =>
  batch.statements.some(({ parameters }) => parameters.some((one) => typeof one === "string" && one.includes(text)));
const titleOf = async (index: number) =>
  (await world.rows("SELECT title FROM projection_threads WHERE thread_id = ?", `thread-${index}`))[0]?.["title"];

onBothDatabases("commands that arrive together", () => {
  it("go into one commit with their events, projections, cursors and receipts (ORC-21)", async () => {
    await Promise.all(Array.from({ length: 100 }, (_one, index) => world.dispatch(rename(index))));
    expect(commits).toHaveLength(1);
    const tables = new Set(commits[0]?.statements.map(({ sql }) => /(?:INTO|UPDATE) "?(\w+)/.exec(sql)?.[1]));
    expect(tables).toEqual(
      new Set(["orchestration_events", "projection_threads", "orchestration_command_receipts", "projection_state"]),
    );
  });

  it("and those that arrive while it runs form the next (ORC-21)", async () => {
    const gate = Promise.withResolvers<void>();
    around = async (batch, commit) => {
      await gate.promise;
      return commit(batch);
    };
    const first = world.dispatch(rename(0));
    await until(() => commits.length === 1);
    const rest = Array.from({ length: 50 }, (_one, index) => world.dispatch(rename(index)));
    await settled();
    expect(commits).toHaveLength(1);
    gate.resolve();
    await Promise.all([first, ...rest]);
    expect(commits).toHaveLength(2);
  });

  it("are at most 256 in one commit (ORC-21)", async () => {
    await Promise.all(Array.from({ length: 300 }, (_one, index) => world.dispatch(rename(index))));
    expect(commits.map((batch) => batch.allocation?.count)).toEqual([256, 44]);
  });

  it("are at most about 4 MiB in one commit, attachments counted (ORC-21)", async () => {
    const attachments = [{ name: "a", mediaType: "text/plain", text: "x".repeat(100_000) }];
    const starts = Array.from({ length: 20 }, (_one, index) =>
      startTurn(`turn-${index}`, {
        threadId: `thread-${index}`,
        text: "x".repeat(120_000),
        message: {
          messageId: `message-${index}`,
          role: "user",
          text: "x".repeat(120_000),
          attachments: Array.from({ length: 8 }, () => attachments[0]),
        },
      }),
    );
    await Promise.all(starts.map((start) => world.dispatch(start)));
    expect(commits.length).toBeGreaterThanOrEqual(4);
    for (const batch of commits) expect(batch.allocation?.count).toBeLessThanOrEqual(2 * 5);
  });

  it("are decided in order on what the earlier ones left (ORC-21)", async () => {
    const results = await Promise.allSettled([
      world.dispatch(createThread({ threadId: "new" })),
      world.dispatch(startTurn("a", { threadId: "new" })),
      world.dispatch(startTurn("b", { threadId: "new" })),
      world.dispatch(startTurn("c", { threadId: "new", whenBusy: "queue" })),
      world.dispatch(startTurn("a", { threadId: "thread-1", message: { messageId: "m", role: "user", text: "x" } })),
      world.dispatch(
        startTurn("d", { threadId: "thread-1", message: { messageId: "a-message", role: "user", text: "x" } }),
      ),
      // A turn may be called what a message is called.
      world.dispatch(startTurn("a-message", { threadId: "thread-2" })),
      world.dispatch(command("thread.archive", { threadId: "new" })),
      world.dispatch(command("thread.archive", { threadId: "new" })),
    ]);
    expect(commits).toHaveLength(1);
    expect(settledCodes(results)).toEqual([
      "accepted",
      "accepted",
      "turn_in_progress",
      "accepted",
      "turn_exists",
      "turn_exists",
      "accepted",
      "accepted",
      "thread_archived",
    ]);
  });

  it("with equal ids: one runs, the others get its answer (ORC-21)", async () => {
    const one = rename(1, { commandId: "same" });
    const bad = command("thread.unarchive", { threadId: "thread-2", commandId: "bad" });
    const other = rename(1, { commandId: "same", title: "another content" });
    const results = await Promise.allSettled([one, one, bad, bad, other].map((each) => world.dispatch(each)));
    expect(settledCodes(results)).toEqual([
      "accepted",
      "duplicate",
      "thread_not_archived",
      "thread_not_archived",
      "command_id_reused",
    ]);
    const [first, second] = results;
    if (first?.status !== "fulfilled" || second?.status !== "fulfilled") throw new Error("both were accepted");
    expect(second.value.sequence).toBe(first.value.sequence);
    expect(await world.eventTypes("thread-1")).toEqual(["thread.created", "thread.meta-updated"]);
  });

  it("of several spaces each get their answer", async () => {
    const { callerOf } = await import("./test-world.ts");
    const other = callerOf("owner", { session: "owner" }, "other-space");
    const results = await Promise.allSettled([
      world.dispatch(rename(1)),
      world.dispatch(createProject(), other),
      world.dispatch(rename(2)),
      world.dispatch(createThread(), other),
    ]);
    expect(settledCodes(results)).toEqual(["accepted", "accepted", "accepted", "accepted"]);
    expect(commits).toHaveLength(2);
  });
});

onBothDatabases("an answer", () => {
  it("comes only after the commit (ORC-21)", async () => {
    const gate = Promise.withResolvers<void>();
    around = async (batch, commit) => {
      await gate.promise;
      return commit(batch);
    };
    const answered: string[] = [];
    const accepted = world.dispatch(rename(0)).then(() => answered.push("accepted"));
    const refused = refusalOf(world.dispatch(command("thread.unarchive", { threadId: "thread-1" }))).then(() =>
      answered.push("refused"),
    );
    await until(() => commits.length === 1);
    await settled();
    expect(answered).toEqual([]);
    expect(await titleOf(0)).toBe("A thread");
    gate.resolve();
    await Promise.all([accepted, refused]);
    expect(answered.sort()).toEqual(["accepted", "refused"]);
  });

  it("of a command that was accepted before waits for a commit too, because the receipt is proven in it (ORC-20)", async () => {
    await world.dispatch(rename(0, { commandId: "again" }));
    const gate = Promise.withResolvers<void>();
    around = async (batch, commit) => {
      await gate.promise;
      return commit(batch);
    };
    let isAnswered = false;
    const again = world.dispatch(rename(0, { commandId: "again" })).then(() => {
      isAnswered = true;
    });
    await settled();
    expect(isAnswered).toBe(false);
    gate.resolve();
    await again;
  });

  it("is outcome_unknown when the connection broke in COMMIT, and the retry finds out (ORC-21)", async () => {
    around = async (batch, commit) => {
      await commit(batch);
      throw new StoreError("outcome_unknown", "the connection broke");
    };
    const codes = await Promise.all(
      [world.refusal(rename(0, { commandId: "lost" })), world.refusal(rename(1, { commandId: "lost-too" }))].map(
        (one) => one.catch(String),
      ),
    );
    expect(codes).toEqual(["outcome_unknown", "outcome_unknown"]);
    around = (batch, commit) => commit(batch);
    expect(await world.dispatch(rename(0, { commandId: "lost" }))).toMatchObject({ receipt: "duplicate" });
    expect(await world.eventTypes("thread-0")).toEqual(["thread.created", "thread.meta-updated"]);
    await world.dispatch(rename(0));
  });

  it("is unavailable when the store is, without a receipt, and the retry runs (ORC-20)", async () => {
    around = () => Promise.reject(new StoreError("unavailable", "the disk is full"));
    expect(await world.refusal(rename(0, { commandId: "again" }))).toBe("unavailable");
    expect(world.orchestration.head().isFailing).toBe(true);
    around = (batch, commit) => commit(batch);
    expect(await world.dispatch(rename(0, { commandId: "again" }))).toMatchObject({ receipt: "accepted" });
    expect(world.bugs).toEqual([]);
    expect(world.orchestration.head().isFailing).toBe(false);
  });

  it("is told as failing until the store takes writes again, also where nobody sends any", async () => {
    around = () => Promise.reject(new StoreError("unavailable", "the disk is full"));
    await world.refusal(rename(0));
    await world.orchestration.settleLost();
    expect(world.orchestration.head().isFailing).toBe(true);
    around = (batch, commit) => commit(batch);
    const { headSequence } = world.orchestration.head();
    await world.orchestration.settleLost();
    expect(world.orchestration.head()).toMatchObject({ headSequence, isFailing: false });
  });
});

onBothDatabases("a poisoned command", () => {
  const refusesPoison = (error: () => Error) => (batch: Batch, commit: Commit) =>
    holds(batch, "poison") ? Promise.reject(error()) : commit(batch);

  it.each([
    ["breaks a rule of the database", () => new StoreError("constraint_violated", "no"), "concurrency_conflict"],
    ["makes a wrong statement", () => new StoreError("invalid_statement", "no"), "internal_error"],
    ["meets a bug", () => new TypeError("undefined is not a function"), "internal_error"],
  ] as const)("that %s fails alone; its neighbours succeed (ORC-21)", async (_what, error, code) => {
    around = refusesPoison(error);
    const results = await Promise.allSettled([
      world.dispatch(rename(1)),
      world.dispatch(rename(2, { title: "poison" })),
      world.dispatch(rename(3)),
      world.dispatch(rename(2)),
    ]);
    expect(settledCodes(results)).toEqual(["accepted", code, "accepted", "accepted"]);
    expect([await titleOf(1), await titleOf(2), await titleOf(3)]).toEqual(["title 1", "title 2", "title 3"]);
    expect(await world.rows("SELECT * FROM orchestration_command_receipts WHERE error_json IS NOT NULL")).toEqual([]);
    await world.dispatch(rename(4));
  });

  it("that truly breaks a constraint fails alone (ORC-21)", async () => {
    // The row is there though no event made it: what another program's bug would leave.
    await world.run(
      `INSERT INTO projection_threads SELECT space_id, 'ghost', project_id, title, provider, model, runtime_mode, branch,
       worktree_path, latest_turn_id, created_at, updated_at, archived_at, deleted_at FROM projection_threads WHERE thread_id = 'thread-0'`,
    );
    // A thread state is cached as absent, so the decider cannot know.
    await world.run("DELETE FROM projection_threads WHERE thread_id = 'ghost'");
    await world.refusal(rename(0, { threadId: "ghost" }));
    await world.run(
      `INSERT INTO projection_threads SELECT space_id, 'ghost', project_id, title, provider, model, runtime_mode, branch,
       worktree_path, latest_turn_id, created_at, updated_at, archived_at, deleted_at FROM projection_threads WHERE thread_id = 'thread-0'`,
    );
    const results = await Promise.allSettled([
      world.dispatch(rename(1)),
      world.dispatch(createThread({ threadId: "ghost" })),
      world.dispatch(rename(2)),
    ]);
    const [, ghost] = settledCodes(results);
    expect(settledCodes(results)).toEqual(["accepted", ghost, "accepted"]);
    expect(["concurrency_conflict", "thread_exists"]).toContain(ghost);
  });

  it("of a journal is passed and written down, and what follows it is taken (ORC-22)", async () => {
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    around = refusesPoison(() => new StoreError("constraint_violated", "no"));
    const on1 = { threadId: "thread-1" };
    const [answer, neighbour] = await Promise.all([
      world.ingest(1, [delta(0, "a", on1), delta(1, "poison", on1), delta(1, "b", on1)]),
      world.dispatch(rename(2)),
    ]);
    expect(answer).toEqual({ lastSequence: 3 });
    expect(neighbour.receipt).toBe("accepted");
    expect(await world.rows("SELECT sequence, code FROM ingest_rejected")).toEqual([
      { sequence: 2, code: "internal_error" },
    ]);
    expect(await world.rows("SELECT text FROM projection_thread_messages WHERE message_id = 'answer'")).toEqual([
      { text: "ab" },
    ]);
    expect(world.bugs).toHaveLength(1);
    // The thread shows that something is missing.
    expect(
      await world.rows("SELECT thread_id, turn_id, tone, kind, payload_json FROM projection_thread_activities"),
    ).toEqual([
      {
        thread_id: "thread-1",
        turn_id: "turn",
        tone: "error",
        kind: "ingest.rejected",
        payload_json: expect.stringContaining('"type":"thread.message.assistant.delta"'),
      },
    ]);
    const [told] = await world.rows(
      "SELECT actor_kind, actor_id FROM orchestration_events WHERE payload_json LIKE '%ingest.rejected%'",
    );
    expect(told).toEqual({ actor_kind: "server", actor_id: "hub" });
  });

  it("of a journal is passed without a word where the word cannot be stored either (ORC-22)", async () => {
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    around = (batch, commit) =>
      holds(batch, "poison") || holds(batch, "ingest.rejected")
        ? Promise.reject(new StoreError("constraint_violated", "no"))
        : commit(batch);
    const on1 = { threadId: "thread-1" };
    expect(await world.ingest(1, [delta(0, "poison", on1), delta(0, "b", on1)])).toEqual({ lastSequence: 2 });
    expect(await world.rows("SELECT sequence FROM ingest_rejected")).toEqual([{ sequence: 1 }]);
    expect(await world.rows("SELECT activity_id FROM projection_thread_activities")).toEqual([]);
  });

  it("of a journal that tells a turn's end is passed, and the turn ends nevertheless (ORC-19, ORC-22)", async () => {
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    around = refusesPoison(() => new StoreError("constraint_violated", "no"));
    const end = settle("turn", { threadId: "thread-1", status: "error", reason: "agent_died", detail: "poison" });
    expect(await world.ingest(1, [end])).toEqual({ lastSequence: 1 });
    expect(await world.rows("SELECT status, reason FROM projection_thread_turns WHERE turn_id = 'turn'")).toEqual([
      { status: "error", reason: "agent_died" },
    ]);
  });

  it("of a journal for a thread that is none is passed without a word (ORC-22)", async () => {
    around = refusesPoison(() => new StoreError("constraint_violated", "no"));
    const answer = await world.ingest(1, [delta(0, "x", { threadId: "nowhere" })]);
    expect(answer).toEqual({ lastSequence: 1 });
    expect(await world.rows("SELECT activity_id FROM projection_thread_activities")).toEqual([]);
  });

  it("of a journal whose passing fails too is given up, and the queue goes on", async () => {
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    around = (batch, commit) => (holds(batch, "journal") ? Promise.reject(new TypeError("broken")) : commit(batch));
    const [code, neighbour] = await Promise.all([
      refusalOf(world.ingest(1, [delta(0, "a", { threadId: "thread-1" })])),
      world.dispatch(rename(2)),
    ]);
    expect(code).toBe("internal_error");
    expect(neighbour.receipt).toBe("accepted");
    expect(commits.length).toBeLessThan(20);
    around = (batch, commit) => commit(batch);
    expect(await world.ingest(1, [delta(0, "a", { threadId: "thread-1" })])).toEqual({ lastSequence: 1 });
  });
});

onBothDatabases("the queue", () => {
  it("refuses more than ten thousand waiting commands and answers all it took", async () => {
    const gate = Promise.withResolvers<void>();
    around = async (batch, commit) => {
      await gate.promise;
      return commit(batch);
    };
    const first = world.dispatch(rename(0));
    await until(() => commits.length === 1);
    const stranger = command("thread.unarchive", { threadId: "thread-1" });
    const waiting = Array.from({ length: 10_000 }, (_one, index) =>
      refusalOf(world.dispatch({ ...stranger, commandId: `waiting-${index}` as typeof stranger.commandId })),
    );
    expect(await world.refusal(rename(1))).toBe("queue_full");
    gate.resolve();
    await first;
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["thread_not_archived"]));
  });

  it("answers what waits when the hub closes, and takes nothing more (ORC-21)", async () => {
    const answers = Promise.all(Array.from({ length: 300 }, (_one, index) => world.dispatch(rename(index))));
    await world.orchestration.close();
    expect((await answers).every(({ receipt }) => receipt === "accepted")).toBe(true);
    expect(await world.refusal(rename(0))).toBe("unavailable");
  });

  it("goes on when a reader's or worker's wake-up fails after a commit, without running anything twice", async () => {
    const read = world.store.read.bind(world.store);
    world.store.read = (query) =>
      query.sql.includes("orchestration_effects") ? Promise.reject(new Error("broken")) : read(query);
    await world.dispatch(startTurn("turn", { threadId: "thread-1" }));
    await world.dispatch(rename(1));
    await settled();
    expect(await world.eventTypes("thread-1")).toEqual([
      "thread.created",
      "thread.message-sent",
      "thread.turn-start-requested",
      "thread.meta-updated",
    ]);
    expect(world.bugs.length).toBeGreaterThan(0);
  });
});
