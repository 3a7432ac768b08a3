// Snapshot, thread window, event pages and diffs: what a reader is shown, how much of it, and where the feed goes on.
import { READ_MAX_BYTES, Snapshot, type ThreadId, ThreadWindow } from "@muster/contracts";
import {
  activity,
  askApproval,
  command,
  complete,
  createProject,
  createThread,
  finishDiff,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { jsonBytes } from "./read-budget.ts";
import { callerOf, OWNER, onBothDatabases, openWorld, refusalOf, STRANGER, VIEWER, type World } from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const threadId = "thread" as ThreadId;
const snapshot = (input: Record<string, unknown> = {}, caller = OWNER) =>
  world.orchestration.getSnapshot(caller, { limit: 200, ...input });
const window = (input: Record<string, unknown> = {}, caller = OWNER) =>
  world.orchestration.getThread(caller, { threadId, turnLimit: 10, ...input });
let journal = 0;
beforeEach(() => {
  journal = 0;
});
const report = async (...commands: Parameters<World["ingest"]>[1]): Promise<void> => {
  await world.ingest(journal + 1, commands);
  journal += commands.length;
};

onBothDatabases("a snapshot", () => {
  it("has projects, threads with their summary, and the sequence where the feed goes on (ORC-26)", async () => {
    await world.dispatch(startTurn("turn"));
    await world.dispatch(startTurn("next", { whenBusy: "queue" }));
    await report(askApproval("question"));
    const answer = await snapshot();
    expect(Snapshot.parse(answer)).toEqual(answer);
    expect(answer).toMatchObject({
      generation: "generation-1",
      snapshotSequence: 7,
      updatedAt: "2026-01-01T00:00:00.000Z",
      projects: [{ projectId: "project", title: "A project" }],
      threads: [
        {
          threadId: "thread",
          latestTurn: { turnId: "turn", status: "running" },
          sessionStatus: "starting",
          pendingApprovalCount: 1,
          queuedTurnCount: 1,
        },
      ],
      page: { before: null, hasMore: false },
    });
  });

  it("names the least of all projector cursors as its sequence (ORC-26)", async () => {
    await world.run("UPDATE projection_state SET last_applied_sequence = 1 WHERE projector = 'checkpoints'");
    expect((await snapshot()).snapshotSequence).toBe(1);
    expect((await window()).snapshotSequence).toBe(1);
  });

  it("shows archived threads when asked for, deleted ones never", async () => {
    for (const name of ["archived", "deleted"]) await world.dispatch(createThread({ threadId: name }));
    await world.dispatch(command("thread.archive", { threadId: "archived" }));
    await world.dispatch(command("thread.delete", { threadId: "deleted" }));
    expect((await snapshot()).threads.map((thread) => thread.threadId)).toEqual(["thread"]);
    expect((await snapshot({ archived: true })).threads.map((thread) => thread.threadId)).toEqual(["archived"]);
  });

  it("comes in pages that together are all threads, the last touched first (ORC-26)", async () => {
    for (let index = 0; index < 25; index += 1) {
      if (index % 3 === 0) world.time.advance(1);
      await world.dispatch(createThread({ threadId: `t-${index}` }));
    }
    const seen: string[] = [];
    let before: string | null = null;
    do {
      const page: Snapshot = await snapshot({ limit: 4, ...(before === null ? {} : { before }) });
      expect(page.threads.length).toBeLessThanOrEqual(4);
      seen.push(...page.threads.map((thread) => thread.threadId));
      before = page.page.before;
      expect(page.page.hasMore).toBe(before !== null);
    } while (before !== null);
    expect([...seen].sort()).toEqual(["thread", ...Array.from({ length: 25 }, (_one, index) => `t-${index}`)].sort());
    expect(new Set(seen).size).toBe(26);
  });

  it("is at most 1 MiB whatever its rows hold, and its pages still reach every thread (ORC-26)", async () => {
    const scripts = Array.from({ length: 32 }, (_one, index) => ({ name: `s${index}`, command: "ä".repeat(4_000) }));
    for (let index = 0; index < 12; index += 1) {
      await world.dispatch(createProject({ projectId: `p-${index}` }));
      await world.dispatch(command("project.meta.update", { projectId: `p-${index}`, scripts }));
    }
    for (let index = 0; index < 150; index += 1)
      await world.dispatch(createThread({ threadId: `t-${index}`, worktreePath: `/work/${"ü".repeat(4_000)}` }));
    const seen = new Set<string>();
    let before: string | null = null;
    let pages = 0;
    do {
      const page: Snapshot = await snapshot(before === null ? {} : { before });
      expect(jsonBytes(page)).toBeLessThanOrEqual(READ_MAX_BYTES);
      expect(page.threads.length).toBeGreaterThan(0);
      for (const thread of page.threads) seen.add(thread.threadId);
      before = page.page.before;
      pages += 1;
    } while (before !== null);
    expect(seen.size).toBe(151);
    expect(pages).toBeGreaterThan(1);
    const own = await snapshot({ projectId: "p-3" });
    expect(own.projects).toMatchObject([{ projectId: "p-3", scripts }]);
  });

  it("refuses a cursor that it never gave", async () => {
    for (const before of ["x", "2026-01-01T00:00:00.000Z", "'; DROP TABLE spaces~x", "~"])
      expect(await refusalOf(snapshot({ before }))).toBe("validation_failed");
  });
});

onBothDatabases("what a reader may see", () => {
  it("is what lies in sessions in which he is a member, everywhere the same (ORC-26)", async () => {
    await world.dispatch(
      createProject({ projectId: "theirs", sessionId: "other-session", nodeId: "strange-node" }),
      STRANGER,
    );
    await world.dispatch(createThread({ threadId: "their-thread", projectId: "theirs" }), STRANGER);
    expect((await snapshot({}, STRANGER)).projects.map((project) => project.projectId)).toEqual(["theirs"]);
    expect((await snapshot({}, VIEWER)).threads.map((thread) => thread.threadId)).toEqual(["thread"]);
    expect((await snapshot({ projectId: "theirs" }, OWNER)).projects).toEqual([]);
    const { orchestration } = world;
    const page = await orchestration.getEventsPage(OWNER, { after: 0, limit: 100 });
    expect(page).toMatchObject({ nextAfter: 4, hasMore: false });
    expect(new Set(page.events.map((event) => event.streamId))).toEqual(new Set(["project", "thread"]));
    const both = callerOf("both", { session: "viewer", "other-session": "viewer" });
    expect((await snapshot({}, both)).threads).toHaveLength(2);
    const more = callerOf("more", { nowhere: "viewer", session: "viewer", "other-session": "viewer" });
    expect(await snapshot({}, more)).toEqual(await snapshot({}, both));
    const ofTheirs = await snapshot({ projectId: "theirs" }, more);
    expect(ofTheirs.projects.map((project) => project.projectId)).toEqual(["theirs"]);
    expect(ofTheirs.threads.map((thread) => thread.threadId)).toEqual(["their-thread"]);
  });

  it("is nothing for a stranger, in the words of what is not there", async () => {
    const { orchestration } = world;
    const range = { fromTurnCount: 0, toTurnCount: 1 };
    for (const id of ["thread", "nowhere"] as ThreadId[]) {
      expect(await refusalOf(orchestration.getThread(STRANGER, { threadId: id, turnLimit: 1 }))).toBe(
        "thread_not_found",
      );
      expect(await refusalOf(orchestration.getTurnDiff(STRANGER, { threadId: id, ...range }))).toBe("thread_not_found");
      const page = { after: 0, limit: 1, threadId: id };
      expect(await refusalOf(orchestration.getEventsPage(STRANGER, page))).toBe("thread_not_found");
    }
    expect(await refusalOf(snapshot({}, callerOf("nobody", {})))).toBe("permission_denied");
    const elsewhere = callerOf("owner", { session: "owner" }, "other-space");
    expect((await snapshot({}, elsewhere)).projects).toEqual([]);
    expect(await refusalOf(window({}, elsewhere))).toBe("thread_not_found");
  });
});

onBothDatabases("the window of a thread", () => {
  const turnsOf = async (count: number): Promise<void> => {
    for (let index = 1; index <= count; index += 1) {
      world.time.advance(1_000);
      const turn = `turn-${String(index).padStart(2, "0")}`;
      await world.dispatch(startTurn(turn));
      world.time.advance(1_000);
      await report(
        activity("note", { turnId: turn }),
        activity("between", { turnId: null }),
        complete(0, `answer ${index}`, { turnId: turn, messageId: `answer-${index}` }),
        settle(turn),
        finishDiff(turn, index),
      );
    }
  };

  it("holds everything of its newest turns and pages back to the first (ORC-26)", async () => {
    await report(activity("before all", { turnId: null }));
    await turnsOf(12);
    const turns: string[] = [];
    const notes: string[] = [];
    const between: string[] = [];
    let before: string | null = null;
    let pages = 0;
    do {
      const page: ThreadWindow = await window({ turnLimit: 5, ...(before === null ? {} : { before }) });
      expect(ThreadWindow.parse(page)).toEqual(page);
      const ids = page.turns.map((turn) => turn.turnId);
      expect(ids).toEqual([...ids].sort());
      turns.unshift(...ids);
      notes.unshift(...page.activities.filter((one) => one.kind === "note").map((one) => String(one.turnId)));
      between.unshift(...page.activities.filter((one) => one.turnId === null).map((one) => one.kind));
      expect(page.messages.map((message) => message.turnId)).toEqual(ids.flatMap((turn) => [turn, turn]));
      expect(page.checkpoints.map((checkpoint) => checkpoint.turnId)).toEqual(ids);
      before = page.page.before;
      pages += 1;
    } while (before !== null);
    expect(pages).toBe(3);
    expect(turns).toEqual(Array.from({ length: 12 }, (_one, index) => `turn-${String(index + 1).padStart(2, "0")}`));
    expect(notes).toEqual(turns);
    expect(between).toEqual(["before all", ...Array(12).fill("between")]);
  });

  it("has the latest plan, whichever turn made it (ORC-26)", async () => {
    const plan = (content: string) => [{ content, status: "pending" }];
    await world.dispatch(startTurn("a"));
    await report(activity("plan.updated", { turnId: "a", payload: { entries: plan("first") } }));
    await report(activity("plan.updated", { turnId: "a", payload: { entries: plan("second") } }), settle("a"));
    await world.dispatch(startTurn("b"));
    expect(await window({ turnLimit: 1 })).toMatchObject({ turns: [{ turnId: "b" }], plan: plan("second") });
  });

  it("is gone with its thread", async () => {
    await world.dispatch(command("thread.delete", { threadId }));
    expect(await refusalOf(window())).toBe("thread_not_found");
  });

  it("keeps to 1 MiB by fewer turns, the newest of them, and pages on (ORC-26)", async () => {
    for (let index = 0; index < 8; index += 1) {
      world.time.advance(1);
      await world.dispatch(startTurn(`t-${index}`, { text: "x".repeat(110_000) }));
      await report(
        complete(0, "y".repeat(60_000), { turnId: `t-${index}`, messageId: `m-${index}` }),
        settle(`t-${index}`),
      );
    }
    const first = await window({ turnLimit: 50 });
    expect(jsonBytes(first)).toBeLessThanOrEqual(READ_MAX_BYTES);
    expect(first.turns.at(-1)?.turnId).toBe("t-7");
    expect(first.turns.length).toBeLessThan(8);
    expect(first.messages.every((message) => !message.text.includes("left out"))).toBe(true);
    const second = await window({ turnLimit: 50, before: String(first.page.before) });
    expect([...second.turns, ...first.turns].map((turn) => turn.turnId)).toEqual(
      Array.from({ length: 8 }, (_one, index) => `t-${index}`),
    );
  });

  const HUGE: readonly (readonly [string, () => Promise<void>])[] = [
    [
      "a message that never ends",
      async () => {
        for (let index = 0; index < 40; index += 1)
          await report(complete(index * 65_536, "€".repeat(65_536), { turnId: "turn" }));
      },
    ],
    [
      "thousands of steps",
      async () => {
        const note = activity("tool.completed", { turnId: "turn", payload: { output: "x".repeat(3_000) } });
        for (let index = 0; index < 8; index += 1) await report(...Array.from({ length: 200 }, () => note));
      },
    ],
    [
      "steps with huge payloads",
      async () => {
        const payload = {
          itemId: "item",
          title: "a tool",
          output: "x".repeat(200_000),
          more: { deep: "y".repeat(9_000) },
        };
        await report(...Array.from({ length: 60 }, () => activity("tool.completed", { turnId: "turn", payload })));
      },
    ],
    [
      "attachments",
      async () => {
        await report(settle("turn"));
        const attachments = Array.from({ length: 8 }, (_one, index) => ({
          name: `file-${index}`,
          mediaType: "text/plain",
          text: "漢".repeat(110_000),
        }));
        const message = { messageId: "m", role: "user", text: "Look.", attachments };
        await world.dispatch(command("thread.turn.start", { threadId, turnId: "files", message }));
      },
    ],
    [
      "a checkpoint of a thousand long names",
      async () => {
        const files = Array.from({ length: 1_000 }, (_one, index) => ({
          path: `${index}/${"ö".repeat(2_000)}`,
          status: "added",
          additions: 1,
          deletions: 0,
        }));
        await report(settle("turn"), finishDiff("turn", 1, { files }));
      },
    ],
    [
      "questions with edits, and a long plan",
      async () => {
        const edits = Array.from({ length: 16 }, () => ({ path: "a", oldText: null, newText: "x".repeat(16_000) }));
        const tool = { itemId: "item", title: "edit", kind: "edit", status: "pending", locations: [], edits };
        for (let index = 0; index < 12; index += 1) {
          const question = askApproval(`q-${index}`, { turnId: "turn" });
          await report({ ...question, payload: { ...question.payload, tool } });
        }
        const entries = Array.from({ length: 200 }, () => ({ content: "語".repeat(2_000), status: "pending" }));
        await report(activity("plan.updated", { turnId: "turn", payload: { entries } }));
      },
    ],
  ];

  it.each(HUGE)("keeps to 1 MiB in a single turn with %s, and stays of its form (ORC-26)", async (_what, grow) => {
    await world.dispatch(startTurn("turn"));
    await grow();
    const answer = await window();
    expect(jsonBytes(answer)).toBeLessThanOrEqual(READ_MAX_BYTES);
    expect(ThreadWindow.parse(answer)).toEqual(answer);
    expect(answer.turns.length).toBeGreaterThan(0);
    const rows =
      answer.messages.length + answer.activities.length + answer.checkpoints.length + answer.approvals.length;
    expect(rows).toBeGreaterThan(0);
  });

  it("leaves a text that is cut with its beginning, its end, and the count of what is missing", async () => {
    await world.dispatch(startTurn("turn"));
    await HUGE[0]?.[1]();
    const text = (await window()).messages.find((message) => message.messageId === "answer")?.text ?? "";
    const [, missing] = /^€+\n\[(\d+) characters left out\]\n€+$/.exec(text) ?? [];
    expect(Number(missing) + text.replace(/[^€]/g, "").length).toBeGreaterThan((4 * 1024 * 1024) / 4);
  });
});

onBothDatabases("older events", () => {
  it("come in pages of at most so many, of all streams or of one thread (ORC-27)", async () => {
    for (let index = 0; index < 10; index += 1) {
      await world.dispatch(createThread({ threadId: `t-${index}` }));
      await world.dispatch(command("thread.meta.update", { threadId, title: `title ${index}` }));
    }
    const all: number[] = [];
    for (let after = 0, hasMore = true; hasMore; ) {
      const page = await world.orchestration.getEventsPage(OWNER, { after, limit: 6 });
      expect(page.events.length).toBeLessThanOrEqual(6);
      all.push(...page.events.map((event) => event.sequence));
      after = page.nextAfter;
      hasMore = page.hasMore;
    }
    expect(all).toEqual(Array.from({ length: 22 }, (_one, index) => index + 1));
    const own = await world.orchestration.getEventsPage(OWNER, { after: 2, limit: 500, threadId });
    expect(own.events.map((event) => event.eventType)).toEqual(Array(10).fill("thread.meta-updated"));
    expect(own.hasMore).toBe(false);
  });

  it("end a page where it grows beyond 1 MiB, and go on from there", async () => {
    await world.dispatch(startTurn("turn"));
    const payload = { output: "x".repeat(300_000) };
    await report(...Array.from({ length: 8 }, () => activity("tool.completed", { turnId: "turn", payload })));
    const first = await world.orchestration.getEventsPage(OWNER, { after: 0, limit: 500 });
    expect(first.hasMore).toBe(true);
    expect(jsonBytes(first)).toBeLessThanOrEqual(READ_MAX_BYTES);
    const second = await world.orchestration.getEventsPage(OWNER, { after: first.nextAfter, limit: 500 });
    expect(second.events[0]?.sequence).toBe(first.nextAfter + 1);
  });
});
