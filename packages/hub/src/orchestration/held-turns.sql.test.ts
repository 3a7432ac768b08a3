// What nobody may lose sight of: the turn that runs and the approvals that wait are in a thread's newest window, however
// much is queued behind them and however full they are.
import { READ_MAX_BYTES, type ThreadId, ThreadWindow } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { jsonBytes } from "./read-budget.ts";
import { OWNER, onBothDatabases, openWorld, type World } from "./test-world.ts";

const threadId = "thread" as ThreadId;
/** As many as may wait. */
const QUEUED = Array.from({ length: 20 }, (_one, index) => `queued-${String(index + 1).padStart(2, "0")}`);

onBothDatabases("the newest window of a thread with a queue", () => {
  let world: World;
  let journal: number;
  beforeEach(async () => {
    journal = 0;
    world = await openWorld();
    await world.dispatch(createProject());
    await world.dispatch(createThread());
    await world.dispatch(startTurn("settled"));
    await report(settle("settled"));
    world.time.advance(1_000);
    await world.dispatch(startTurn("running"));
  });
  afterEach(() => world.close());

  const report = async (...commands: Parameters<World["ingest"]>[1]): Promise<void> => {
    await world.ingest(journal + 1, commands);
    journal += commands.length;
  };
  const queue = async (text = "Later."): Promise<void> => {
    for (const turnId of QUEUED) {
      world.time.advance(1_000);
      await world.dispatch(startTurn(turnId, { whenBusy: "queue", text }));
    }
  };
  const window = async (turnLimit: number, before?: string): Promise<ThreadWindow> => {
    const answer = await world.orchestration.getThread(OWNER, { threadId, turnLimit, ...(before && { before }) });
    expect(jsonBytes(answer)).toBeLessThanOrEqual(READ_MAX_BYTES);
    expect(ThreadWindow.parse(answer)).toEqual(answer);
    return answer;
  };
  const idsOf = ({ turns }: ThreadWindow): string[] => turns.map(({ turnId }) => turnId);
  const pendingOf = ({ approvals }: ThreadWindow): string[] =>
    approvals.filter(({ status }) => status === "pending").map(({ requestId }) => requestId);

  it("holds the turn that runs, all of it, and what it asks, whatever the limit (ORC-26, ORC-31)", async () => {
    await report(
      activity("note", { turnId: "running" }),
      askApproval("first", { turnId: "running" }),
      askApproval("second", { turnId: "running" }),
      complete(0, "I wait.", { turnId: "running", messageId: "answer" }),
    );
    await queue();
    for (const turnLimit of [1, 10, 19]) {
      const answer = await window(turnLimit);
      expect(idsOf(answer)).toEqual(["running", ...QUEUED.slice(-turnLimit)]);
      expect(pendingOf(answer)).toEqual(["first", "second"]);
      expect(answer.messages.filter(({ turnId }) => turnId === "running")).toHaveLength(2);
      expect(answer.activities.filter(({ turnId }) => turnId === "running")).toHaveLength(3);
    }
    const bytes = await world.orchestration.getThreadBytes(OWNER, { threadId, turnLimit: 10 });
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(await window(10));
    await world.dispatch(command("thread.approval.respond", { threadId, requestId: "first", decision: "accept" }));
    expect(pendingOf(await window(1))).toEqual(["second"]);
  });

  it("is paged on from behind its newest turns, so that each turn comes, the one that runs once more (ORC-26)", async () => {
    await report(askApproval("question", { turnId: "running" }));
    await queue();
    for (const turnLimit of [1, 7, 10, 20]) {
      const pages = [await window(turnLimit)];
      for (let page = pages[0]?.page; page?.before; page = pages.at(-1)?.page)
        pages.push(await window(turnLimit, page.before));
      const [newest = [], ...older] = pages.map(idsOf);
      expect(newest).toEqual(["running", ...QUEUED.slice(-turnLimit)]);
      expect([...older.reverse().flat(), ...newest.slice(1)]).toEqual(["settled", "running", ...QUEUED]);
    }
    const whole = await window(50);
    expect(idsOf(whole)).toEqual(["settled", "running", ...QUEUED]);
    expect(whole.page).toEqual({ before: null, hasMore: false });
  });

  it("keeps a turn larger than any window, and what it asks, before what waits behind it (ORC-26, ORC-31)", async () => {
    const edits = Array.from({ length: 16 }, () => ({ path: "a", oldText: null, newText: "x".repeat(16_000) }));
    const tool = { itemId: "item", title: "edit", kind: "edit", status: "pending", locations: [], edits };
    const questions = Array.from({ length: 24 }, (_one, index) => `question-${String(index).padStart(2, "0")}`);
    for (const requestId of questions) {
      const asked = askApproval(requestId, { turnId: "running" });
      await report({ ...asked, payload: { ...asked.payload, tool } });
    }
    for (let index = 0; index < 4; index += 1)
      await report(
        ...Array.from({ length: 200 }, () =>
          activity("tool.completed", { turnId: "running", payload: { output: "x".repeat(3_000) } }),
        ),
      );
    await queue("y".repeat(110_000));
    const answer = await window(50);
    expect(idsOf(answer)[0]).toBe("running");
    expect(idsOf(answer).at(-1)).toBe(QUEUED.at(-1));
    expect(pendingOf(answer)).toEqual(questions);
    const next = await window(50, String(answer.page.before));
    expect(idsOf(next).at(-1)).toBe(QUEUED.at(-idsOf(answer).length));
  });

  it("has what is queued whole, whatever the turn that runs has said since (ORC-26)", async () => {
    await queue();
    await world.run(
      `INSERT INTO projection_thread_messages WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
       SELECT 'space', 'said-' || i, 'thread', 'running', 'assistant', '${"x".repeat(700)}', '[]', 0,
         '2099-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z' FROM n`,
    );
    for (const turnLimit of [1, 10, 50]) {
      const answer = await window(turnLimit);
      expect(idsOf(answer)[0]).toBe("running");
      for (const turnId of idsOf(answer))
        expect([turnId, answer.messages.some((message) => message.turnId === turnId)]).toEqual([turnId, true]);
    }
  });

  it("has what the turn that runs says, whatever is queued behind it (ORC-26)", async () => {
    await report(complete(0, "I wait.", { turnId: "running", messageId: "answer" }));
    await queue("y".repeat(110_000));
    await world.run(
      `UPDATE projection_thread_messages SET text = '${"z".repeat(900_000)}' WHERE turn_id LIKE 'queued-%'`,
    );
    for (const turnLimit of [10, 50])
      expect((await window(turnLimit)).messages.map(({ turnId }) => turnId)).toEqual([
        "running",
        "running",
        QUEUED.at(-1),
      ]);
  });

  it("has a question that waits behind thousands that were answered (ORC-26, ORC-31)", async () => {
    await report(askApproval("question", { turnId: "running" }));
    await world.run(
      `INSERT INTO projection_pending_approvals
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
       SELECT 'space', 'answered-' || i, 'thread', 'running', 'command', 'resolved', 'accept',
         '{"requestId":"answered-' || i || '","kind":"command","title":"May I?","options":[{"decision":"accept","label":"Yes"}]}',
         '2099-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z' FROM n`,
    );
    await queue();
    const answer = await window(10);
    expect(pendingOf(answer)).toEqual(["question"]);
    expect(answer.approvals.length).toBeGreaterThan(1_000);
    expect(answer.approvals.at(-1)?.requestId).toMatch(/^answered-/);
  });
});
