// A node's journal: every entry counts once, whatever the network does, and a bad one never holds up the rest.
import type { JournalId } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  delta,
  entries,
  finishDiff,
  finishRevert,
  internal,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { nodeIdentity, OWNER, onBothDatabases, openWorld, refusalOf, until, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld({ isFile: true });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  await world.dispatch(startTurn("turn"));
  // A node tells of what it was handed. Whoever asks before that may be told that it cannot have heard of it.
  await until(() => world.nodes.runs.length > 0);
});
afterEach(() => world.close());

const answer = async (messageId = "answer") =>
  (await world.rows("SELECT text, is_streaming FROM projection_thread_messages WHERE message_id = ?", messageId))[0];
const cursor = () => world.rows("SELECT journal_id, last_sequence FROM ingest_cursors ORDER BY journal_id");
const rejected = () => world.rows("SELECT sequence, code FROM ingest_rejected ORDER BY sequence");
const turn = async (turnId = "turn") =>
  (await world.rows("SELECT status, reason FROM projection_thread_turns WHERE turn_id = ?", turnId))[0];

onBothDatabases("a journal", () => {
  const words = ["one ", "two ", "three ", "four ", "five "];
  const text = words.join("");
  const journal = words.map((word, index) => delta(words.slice(0, index).join("").length, word));

  it("moves its cursor in the transaction of its events (ORC-11, ORC-22)", async () => {
    expect(await world.ingest(1, journal.slice(0, 2))).toEqual({ lastSequence: 2 });
    expect(await cursor()).toEqual([{ journal_id: "journal", last_sequence: 2 }]);
    expect(await world.orchestration.ingestCursor(nodeIdentity(), world.journalId)).toBe(2);
    expect(await world.orchestration.ingestCursor(nodeIdentity(), "unknown" as JournalId)).toBe(0);
  });

  it("that comes again after a lost acknowledgement changes nothing (ORC-22)", async () => {
    await world.ingest(1, journal);
    const before = await world.eventTypes();
    expect(await world.ingest(1, journal)).toEqual({ lastSequence: 5 });
    expect(await world.ingest(2, journal.slice(1, 3))).toEqual({ lastSequence: 5 });
    await world.restart();
    expect(await world.ingest(1, journal)).toEqual({ lastSequence: 5 });
    expect(await world.eventTypes()).toEqual(before);
    expect(await answer()).toMatchObject({ text });
  });

  it("that overlaps is taken from where it is new (ORC-22)", async () => {
    await world.ingest(1, journal.slice(0, 3));
    expect(await world.ingest(2, journal.slice(1))).toEqual({ lastSequence: 5 });
    expect(await answer()).toMatchObject({ text });
    expect(await rejected()).toEqual([]);
  });

  it("with a gap is not taken, and told from where to send (ORC-22)", async () => {
    await world.ingest(1, journal.slice(0, 1));
    const outcome = await world.ingest(3, journal.slice(2));
    expect(outcome).toMatchObject({ lastSequence: 1, error: { code: "ingest_gap", details: { expected: 2 } } });
    expect(await cursor()).toMatchObject([{ last_sequence: 1 }]);
    expect(await answer()).toMatchObject({ text: "one " });
  });

  it("whose frames come in another order ends the same (ORC-22)", async () => {
    const frames = [
      [1, 2],
      [3, 4],
      [5, 5],
    ] as const;
    const send = ([from, to]: readonly [number, number]) => world.ingest(from, journal.slice(from - 1, to));
    const [third, second, first] = await Promise.all([send(frames[2]), send(frames[1]), send(frames[0])]);
    expect([third?.error?.code, second?.error?.code, first?.error]).toEqual(["ingest_gap", "ingest_gap", undefined]);
    await Promise.all([send(frames[0]), send(frames[1]), send(frames[2])]);
    expect(await cursor()).toMatchObject([{ last_sequence: 5 }]);
    expect(await answer()).toMatchObject({ text });
  });

  it("of which two batches wait at once is taken in one go (ORC-22)", async () => {
    const [first, second] = await Promise.all([
      world.ingest(1, journal.slice(0, 2)),
      world.ingest(3, journal.slice(2)),
    ]);
    expect([first, second]).toEqual([{ lastSequence: 2 }, { lastSequence: 5 }]);
    expect(await answer()).toMatchObject({ text });
  });

  it("longer than a commit may be is taken over several (ORC-22)", async () => {
    const many = Array.from({ length: 700 }, (_one, index) => delta(index, "x"));
    expect(await world.ingest(1, many)).toEqual({ lastSequence: 700 });
    expect(String((await answer())?.["text"])).toHaveLength(700);
  });

  it("with numbers that leap is refused whole: a cursor must not pass what never came (ORC-22)", async () => {
    const [first, second] = entries(1, journal.slice(0, 2));
    if (first === undefined || second === undefined) throw new Error("two entries");
    expect(await refusalOf(world.ingestEntries(1, [first, { ...second, sequence: 9 }]))).toBe("validation_failed");
    expect(await refusalOf(world.ingestEntries(2, [first, second]))).toBe("validation_failed");
    expect(await cursor()).toEqual([]);
  });

  it("is its own: another journal of the same node, and the same journal of another node, count from 1 (ORC-22)", async () => {
    await world.ingest(1, journal.slice(0, 2));
    const fresh = { journalId: "reborn" as JournalId, firstSequence: 1, entries: entries(1, journal.slice(2, 3)) };
    expect(await world.orchestration.ingest(nodeIdentity(), fresh)).toEqual({ lastSequence: 1 });
    expect(await world.ingest(1, journal.slice(0, 1), nodeIdentity("other-node"))).toEqual({ lastSequence: 1 });
    expect(await answer()).toMatchObject({ text: "one two three " });
  });

  it("with a bad entry in the middle passes it, writes it down and takes the rest (ORC-11, ORC-22)", async () => {
    const bad = [
      internal("thread.approval.expire", { requestId: "never", reason: "x" }),
      delta(99, "beyond"),
      settle("nobody"),
      activity("note", { threadId: "nowhere" }),
    ];
    expect(await world.ingest(1, [delta(0, "a"), ...bad, delta(1, "b")])).toEqual({ lastSequence: 6 });
    expect(await answer()).toMatchObject({ text: "ab" });
    expect(await rejected()).toEqual([
      { sequence: 2, code: "approval_not_pending" },
      { sequence: 3, code: "ingest_beyond_text" },
      { sequence: 4, code: "turn_settled" },
      { sequence: 5, code: "thread_not_found" },
    ]);
  });
});

onBothDatabases("streaming text", () => {
  it("is persisted in pieces and ends with exactly the final text, also over surrogate pairs (ORC-23)", async () => {
    const final = "Grüße, 😀👩‍👩‍👧! 漢字\u0000 end";
    const pieces = [...new Intl.Segmenter().segment(final)].map(({ segment }) => segment);
    let offset = 0;
    const reports = pieces.map((piece, index) => {
      const make = index === pieces.length - 1 ? complete : delta;
      const report = make(offset, piece);
      offset += piece.length;
      return report;
    });
    await world.ingest(1, reports);
    expect(await rejected()).toEqual([]);
    expect(await answer()).toEqual({ text: final.replace("\0", "\ufffd"), is_streaming: 0 });
  });

  it("that overlaps is trimmed, and beyond the stored length refused (ORC-23)", async () => {
    await world.ingest(1, [delta(0, "hello"), delta(3, "lo you"), delta(10, "!"), complete(9, "!")]);
    expect(await answer()).toEqual({ text: "hello you!", is_streaming: 0 });
    expect(await rejected()).toEqual([{ sequence: 3, code: "ingest_beyond_text" }]);
  });

  it("is completed with the text so far when its turn settles, in the same transaction (ORC-23)", async () => {
    await world.ingest(1, [delta(0, "half a sen"), settle("turn", { status: "error", reason: "agent_died" })]);
    expect(await answer()).toEqual({ text: "half a sen", is_streaming: 0 });
    const [settledEvent] = await world.rows(
      "SELECT payload_json FROM orchestration_events WHERE event_type = 'thread.turn-settled'",
    );
    expect(JSON.parse(String(settledEvent?.["payload_json"]))).toMatchObject({ completedMessageIds: ["answer"] });
  });

  it("of a turn that was settled here comes late and is kept, also after the next turn began (ORC-33)", async () => {
    await world.dispatch(startTurn("next", { whenBusy: "queue" }));
    await world.ingest(1, [delta(0, "early ")]);
    await world.run("UPDATE runtime_node_presence SET health_state = 'offline' WHERE node_id = 'node'");
    await world.dispatch(command("thread.turn.interrupt", { threadId: "thread", turnId: "turn" }));
    expect(await turn("next")).toMatchObject({ status: "running" });
    await world.ingest(2, [
      delta(6, "late "),
      delta(11, "later"),
      complete(16, ""),
      delta(0, "a second one", { messageId: "second" }),
      delta(12, "!", { messageId: "second" }),
      activity("note"),
      settle("turn", { status: "completed" }),
      finishDiff("turn", 1),
    ]);
    expect(await answer()).toEqual({ text: "early late later", is_streaming: 0 });
    expect(await answer("second")).toEqual({ text: "a second one!", is_streaming: 0 });
    expect(await turn()).toEqual({ status: "interrupted", reason: "node_offline" });
    expect(await rejected()).toEqual([
      { sequence: 4, code: "turn_settled" },
      { sequence: 8, code: "turn_settled" },
    ]);
    await world.restart();
    await world.ingest(10, [delta(13, "!", { messageId: "second" })]);
    expect(await answer("second")).toEqual({ text: "a second one!!", is_streaming: 0 });
  });

  it("never goes into a message of a user, of another thread, or of a dropped turn (ORC-18)", async () => {
    await world.dispatch(createThread({ threadId: "second" }));
    await world.dispatch(startTurn("theirs", { threadId: "second" }));
    await world.ingest(1, [
      delta(0, "mine"),
      delta(0, "x", { messageId: "turn-message" }),
      delta(4, "x", { threadId: "second", turnId: "theirs" }),
      delta(0, "x", { threadId: "second", turnId: "theirs" }),
    ]);
    expect((await rejected()).map((row) => row["code"])).toEqual(["turn_settled", "turn_settled", "turn_settled"]);
    expect(await answer()).toMatchObject({ text: "mine" });
  });
});

onBothDatabases("what a turn leaves", () => {
  it("a question whose agent is gone expires by its id, and an answer that comes after it finds none (ORC-31)", async () => {
    await world.ingest(1, [askApproval("first"), askApproval("second")]);
    await world.ingest(3, [internal("thread.approval.expire", { requestId: "first", reason: "agent_gone" })]);
    const answerTo = (requestId: string) =>
      command("thread.approval.respond", { threadId: "thread", requestId, decision: "accept" });
    expect(await refusalOf(world.dispatch(answerTo("first")))).toBe("approval_not_pending");
    await world.dispatch(answerTo("second"));
    expect(await refusalOf(world.dispatch(answerTo("second")))).toBe("approval_not_pending");
    expect(
      await world.rows("SELECT request_id, status, decision FROM projection_pending_approvals ORDER BY request_id"),
    ).toEqual([
      { request_id: "first", status: "expired", decision: null },
      { request_id: "second", status: "resolved", decision: "accept" },
    ]);
  });

  it("an approval id is opened once in a space, by whatever thread (ORC-31)", async () => {
    await world.dispatch(createThread({ threadId: "second" }));
    await world.dispatch(startTurn("theirs", { threadId: "second" }));
    await world.ingest(1, [
      askApproval("question"),
      internal("thread.approval.expire", { requestId: "question", reason: "gone" }),
      askApproval("question"),
      askApproval("question", { threadId: "second", turnId: "theirs" }),
    ]);
    await world.ingest(5, [askApproval("question")]);
    expect((await rejected()).map((row) => row["code"])).toEqual(Array(3).fill("approval_not_pending"));
    expect(world.bugs).toEqual([]);
  });

  it("the newest assistant message of the turn stands in its checkpoint (ORC-12)", async () => {
    await world.ingest(1, [
      complete(0, "one", { messageId: "m-2" }),
      complete(0, "two", { messageId: "m-1" }),
      settle("turn"),
      finishDiff("turn", 1),
    ]);
    const select = "SELECT assistant_message_id AS id FROM projection_checkpoints";
    expect(await world.rows(select)).toEqual([{ id: "m-1" }]);
    await world.ingest(5, [finishDiff("turn", 1, { diff: "again" })]);
    expect(await world.rows(select)).toEqual([{ id: "m-1" }]);
  });

  it("settling starts the oldest queued turn in the same transaction (ORC-17)", async () => {
    await world.dispatch(startTurn("b", { whenBusy: "queue" }));
    await world.dispatch(startTurn("c", { whenBusy: "queue" }));
    await world.ingest(1, [settle("turn")]);
    expect(await turn("b")).toMatchObject({ status: "running" });
    expect(await turn("c")).toMatchObject({ status: "queued" });
    await world.restart();
    await world.ingest(2, [settle("b"), settle("c")]);
    expect(await turn("c")).toMatchObject({ status: "completed" });
  });

  it("one batch may hold the life of several turns: what it wrote counts for what follows in it (ORC-21)", async () => {
    await world.dispatch(startTurn("b", { whenBusy: "queue" }));
    await world.ingest(1, [
      settle("turn"),
      settle("b"),
      delta(0, "late", { turnId: "b", messageId: "answer-b" }),
      delta(4, "r", { turnId: "b", messageId: "answer-b" }),
    ]);
    expect(await rejected()).toEqual([]);
    expect(await answer("answer-b")).toEqual({ text: "later", is_streaming: 0 });
  });

  it("a revert drops also what came in the same batch before it (ORC-21, ORC-35)", async () => {
    await world.ingest(1, [settle("turn"), finishDiff("turn", 1)]);
    await world.dispatch(startTurn("b"));
    await world.ingest(3, [settle("b")]);
    await world.dispatch(command("thread.checkpoint.revert", { threadId: "thread", turnCount: 1 }));
    const late = complete(0, "late", { turnId: "b", messageId: "answer-b" });
    await world.ingest(4, [late, finishRevert(1), delta(4, "!", { turnId: "b", messageId: "answer-b" })]);
    expect(await answer("answer-b")).toBeUndefined();
    expect(await rejected()).toEqual([{ sequence: 6, code: "turn_settled" }]);
  });

  it("a revert drops later turns, their messages and diffs, and queued ones (ORC-35)", async () => {
    await world.ingest(1, [complete(0, "one"), settle("turn"), finishDiff("turn", 0), finishDiff("turn", 1)]);
    await world.dispatch(startTurn("b"));
    await world.ingest(5, [
      complete(0, "two", { turnId: "b", messageId: "answer-b" }),
      settle("b"),
      finishDiff("b", 2),
    ]);
    await world.dispatch(command("thread.checkpoint.revert", { threadId: "thread", turnCount: 1 }));
    expect(await world.refusal(startTurn("c"))).toBe("turn_in_progress");
    await world.restart();
    expect(await world.refusal(startTurn("d"))).toBe("turn_in_progress");
    await world.ingest(8, [finishRevert(0), finishRevert(1)]);
    expect(await rejected()).toEqual([{ sequence: 8, code: "turn_settled" }]);
    const window = await world.orchestration.getThread(OWNER, { threadId: "thread" as never, turnLimit: 10 });
    expect(window.turns.map((row) => row.turnId)).toEqual(["turn"]);
    expect(window.messages.map((row) => row.messageId).sort()).toEqual(["answer", "turn-message"]);
    expect(window.checkpoints.map((row) => row.checkpointTurnCount)).toEqual([0, 1]);
    expect(await world.rows("SELECT to_turn_count AS n FROM checkpoint_diff_blobs")).toEqual([{ n: 1 }]);
    expect(await world.refusal(startTurn("b"))).toBe("turn_exists");
    await world.dispatch(startTurn("again"));
    expect(await world.rows("SELECT turn_count FROM projection_thread_turns WHERE turn_id = 'again'")).toEqual([
      { turn_count: 2 },
    ]);
    await world.ingest(10, [delta(3, "late", { turnId: "b", messageId: "answer-b" }), finishDiff("b", 2)]);
    expect((await rejected()).map((row) => row["code"])).toEqual(["turn_settled", "turn_settled", "turn_not_found"]);
  });
});

onBothDatabases("a hello", () => {
  const hello = (
    runningTurns: { threadId: string; turnId: string }[],
    journalSequence: number,
    journalId = "journal",
  ) =>
    world.orchestration.reconcileNode(nodeIdentity(), {
      runningTurns: runningTurns as never,
      journalId: journalId as JournalId,
      journalSequence,
    });
  const delivered = async (): Promise<void> => {
    await until(() => world.nodes.runs.length > 0);
    for (const run of world.nodes.runs) await world.orchestration.effectResult(nodeIdentity(), run);
  };

  it("names the turns that ended here, were never here, or run elsewhere (ORC-33)", async () => {
    await delivered();
    await world.dispatch(createProject({ projectId: "elsewhere", nodeId: "other-node" }));
    await world.dispatch(createThread({ threadId: "second", projectId: "elsewhere" }));
    await world.dispatch(startTurn("theirs", { threadId: "second" }));
    const claims = [
      { threadId: "thread", turnId: "turn" },
      { threadId: "thread", turnId: "unknown" },
      { threadId: "second", turnId: "theirs" },
    ];
    expect(await hello(claims, 0)).toEqual(claims.slice(1));
  });

  it("settles what the node forgot, once its journal is in, for the journal may tell how it ended (ORC-33)", async () => {
    await delivered();
    await hello([], 3);
    expect(await turn()).toMatchObject({ status: "running" });
    await world.ingest(1, [delta(0, "x"), complete(1, "")]);
    expect(await turn()).toMatchObject({ status: "running" });
    await world.ingest(3, [settle("turn")]);
    expect(await turn()).toMatchObject({ status: "completed" });
    expect(world.bugs).toEqual([]);
  });

  it("settles what neither node nor journal knows as node_restarted (ORC-33)", async () => {
    await delivered();
    await hello([], 1);
    await world.ingest(1, [delta(0, "x")]);
    expect(await turn()).toEqual({ status: "interrupted", reason: "node_restarted" });
  });

  it("settles nothing where the node runs more turns than its hello can name (ORC-33)", async () => {
    await delivered();
    const many = Array.from({ length: 1_000 }, (_, index) => ({ threadId: `t-${index}`, turnId: `x-${index}` }));
    expect(await hello(many, 0)).toHaveLength(1_000);
    expect(await turn()).toMatchObject({ status: "running" });
  });

  it("leaves alone what the node never took over: its start is still to be delivered (ORC-33)", async () => {
    await until(() => world.nodes.runs.length > 0);
    await hello([], 0);
    expect(await turn()).toMatchObject({ status: "running" });
  });

  it("with a newer journal makes the older one's wait void", async () => {
    await delivered();
    await hello([], 5, "old");
    await hello([{ threadId: "thread", turnId: "turn" }], 0, "new");
    await world.orchestration.ingest(nodeIdentity(), {
      journalId: "old" as JournalId,
      firstSequence: 1,
      entries: entries(
        1,
        Array.from({ length: 5 }, () => activity("note")),
      ),
    });
    expect(await turn()).toMatchObject({ status: "running" });
  });
});
