// The diff between turns: from stored text, asked of the node once where there is none, and never of turns that are gone.
import type { MusterError, NodeRequest, ThreadId, TurnId } from "@muster/contracts";
import {
  command,
  createProject,
  createThread,
  finishDiff,
  finishRevert,
  refOf,
  settle,
  startTurn,
} from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OWNER, onBothDatabases, openWorld, refusalOf, until, VIEWER, type World } from "./test-world.ts";

const threadId = "thread" as ThreadId;

onBothDatabases("the diff between turns", () => {
  let world: World;
  let journal = 0;
  /** Stands between what the store read of a range and who asked for it. */
  let afterRead: () => Promise<void>;
  beforeEach(async () => {
    journal = 0;
    afterRead = () => Promise.resolve();
    world = await openWorld({
      wrapStore: (store) => ({
        dialect: store.dialect,
        read: (query) => store.read(query),
        async readTransaction(queries) {
          const answers = await store.readTransaction(queries);
          if (queries.some(({ sql }) => sql.includes("checkpoint_diff_blobs"))) await afterRead();
          return answers;
        },
        migrate: (set, stamp) => store.migrate(set, stamp),
        close: () => store.close(),
        commit: (batch) => store.commit(batch),
      }),
    });
    await world.dispatch(createProject());
    await world.dispatch(createThread());
  });
  afterEach(() => world.close());
  const asked = () => world.nodes.requests.filter(({ method }) => method === "turn.diff");
  const report = async (...commands: Parameters<World["ingest"]>[1]): Promise<void> => {
    await world.ingest(journal + 1, commands);
    journal += commands.length;
  };
  const diff = (fromTurnCount: number, toTurnCount: number, caller = OWNER) =>
    world.orchestration.getTurnDiff(caller, { threadId, fromTurnCount, toTurnCount });
  const file = { path: "a.ts", status: "modified", additions: 1, deletions: 0, binary: false };
  const threeTurns = async (): Promise<void> => {
    for (let index = 1; index <= 3; index += 1) {
      await world.dispatch(startTurn(`t-${index}`));
      if (index === 1) await report(finishDiff("t-1", 0));
      await report(settle(`t-${index}`), finishDiff(`t-${index}`, index, { files: [file] }));
    }
  };
  const answerWith =
    (text: string): (() => Promise<unknown>) =>
    () =>
      Promise.resolve({ files: [file], diff: text, truncated: false });

  it("of one turn is the stored blob, and nobody is asked (ORC-9, ORC-28)", async () => {
    await threeTurns();
    world.nodes.connected.clear();
    const range = { threadId, fromTurnCount: 1, toTurnCount: 2 };
    expect(await diff(1, 2, VIEWER)).toEqual({ ...range, files: [file], diff: "diff of 2", truncated: false });
    expect(asked()).toEqual([]);
    expect(
      await world.rows("SELECT thread_id, from_turn_count, to_turn_count, diff, truncated FROM checkpoint_diff_blobs"),
    ).toEqual(
      [1, 2, 3].map((n) => ({
        thread_id: "thread",
        from_turn_count: n - 1,
        to_turn_count: n,
        diff: `diff of ${n}`,
        truncated: 0,
      })),
    );
  });

  it("from a turn to itself is empty (ORC-28)", async () => {
    expect(await diff(3, 3)).toMatchObject({ files: [], diff: "", truncated: false });
    expect(asked()).toEqual([]);
  });

  it("backwards is refused", async () => {
    expect(await refusalOf(diff(2, 1))).toBe("validation_failed");
  });

  it("over several turns is asked of the node once, kept, and served from then on (ORC-28)", async () => {
    await threeTurns();
    world.nodes.answer = answerWith("diff --git a/a.ts b/a.ts\nover two");
    const [first, same] = await Promise.all([diff(0, 2), diff(0, 2)]);
    expect(first).toMatchObject({ diff: "diff --git a/a.ts b/a.ts\nover two", files: [{ path: "a.ts" }] });
    expect(same).toEqual(first);
    world.nodes.connected.clear();
    expect(await diff(0, 2)).toMatchObject({ diff: first.diff, files: [{ path: "a.ts" }] });
    expect(asked()).toEqual([
      {
        method: "turn.diff",
        threadId,
        workspaceRoot: "/work/project",
        worktreePath: null,
        fromRef: refOf(0),
        toRef: refOf(2),
      } satisfies NodeRequest,
    ]);
  });

  it("kept after one read that it was not there, and before that one asked, is not asked for again (ORC-28)", async () => {
    await threeTurns();
    world.nodes.answer = answerWith("over two");
    const [isHeld, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    afterRead = () => {
      afterRead = () => Promise.resolve();
      isHeld.resolve();
      return gate.promise;
    };
    const late = diff(0, 2);
    await isHeld.promise;
    const first = await diff(0, 2);
    gate.resolve();
    expect(await late).toMatchObject({ diff: first.diff, truncated: false });
    expect(asked()).toHaveLength(1);
  });

  it("that nobody can tell now is diff_unavailable with the reason, and asked again later (ORC-28)", async () => {
    await threeTurns();
    world.nodes.connected.clear();
    const refused = await diff(0, 3).catch((error: MusterError) => error);
    expect(refused).toMatchObject({ code: "diff_unavailable", details: { reason: "node_offline" } });
    world.nodes.connected.add("node");
    world.nodes.answer = () => Promise.resolve({ nonsense: true });
    expect(await refusalOf(diff(0, 3))).toBe("diff_unavailable");
    world.nodes.answer = answerWith("there");
    expect(await diff(0, 3)).toMatchObject({ diff: "there" });
  });

  const losses = [
    ["is lent to the session no more", "runtime_node_attachments SET state = 'offline'", "node_not_attached"],
    ["was revoked", "runtime_node_attachments SET state = 'revoked'", "node_not_attached"],
    ["is suspended", "session_memberships SET state = 'suspended'", "runtimenode.permission_denied"],
  ] as const;

  it.each(losses)(
    "NOD-16 is not asked of a node that %s, and still served where it is stored",
    async (_which, change, reason) => {
      await threeTurns();
      world.nodes.answer = answerWith("there");
      await world.run(`UPDATE ${change}`);
      const refused = await diff(0, 3).catch((error: MusterError) => error);
      expect(refused).toMatchObject({ code: "diff_unavailable", details: { reason } });
      expect(asked()).toEqual([]);
      expect(await diff(1, 2)).toMatchObject({ diff: "diff of 2" });
    },
  );

  it.each(losses)(
    "NOD-16 of a node that %s by the time it answers is neither kept nor given",
    async (_which, change, reason) => {
      await threeTurns();
      world.nodes.answer = async () => {
        await world.run(`UPDATE ${change}`);
        return { files: [file], diff: "forged", truncated: false };
      };
      const refused = await diff(0, 3).catch((error: MusterError) => error);
      expect(refused).toMatchObject({ code: "diff_unavailable", details: { reason } });
      expect(await world.rows("SELECT diff FROM checkpoint_diff_blobs WHERE diff = 'forged'")).toEqual([]);
    },
  );

  it("needs a ready checkpoint at both ends", async () => {
    await threeTurns();
    await world.dispatch(startTurn("t-4"));
    await report(settle("t-4"), finishDiff("t-4", 4, { status: "error" }));
    expect(await refusalOf(diff(0, 4))).toBe("checkpoint_not_ready");
    expect(await refusalOf(diff(0, 9))).toBe("checkpoint_not_ready");
  });

  it("beyond a revert is gone in the revert's own transaction, and what was asked before it is not kept (ORC-28)", async () => {
    await threeTurns();
    const gate = Promise.withResolvers<unknown>();
    world.nodes.answer = () => gate.promise;
    const before = diff(0, 3);
    await until(() => asked().length === 1);
    await world.dispatch(command("thread.checkpoint.revert", { threadId, turnCount: 1 }));
    await report(finishRevert(1));
    gate.resolve({ files: [], diff: "of the dropped", truncated: false });
    expect(await before).toMatchObject({ diff: "of the dropped" });
    expect(await world.rows("SELECT from_turn_count, to_turn_count FROM checkpoint_diff_blobs")).toEqual([
      { from_turn_count: 0, to_turn_count: 1 },
    ]);
    await world.dispatch(startTurn("again"));
    await report(settle("again"), finishDiff("again" as TurnId, 2, { diff: "the new second" }));
    expect(await diff(1, 2)).toMatchObject({ diff: "the new second" });
  });

  it("asked of turns that were dropped is neither kept for nor given to those that took their count (ORC-28)", async () => {
    await threeTurns();
    const gate = Promise.withResolvers<unknown>();
    world.nodes.answer = () => gate.promise;
    const before = diff(0, 3);
    await until(() => asked().length === 1);
    await world.dispatch(command("thread.checkpoint.revert", { threadId, turnCount: 1 }));
    await report(finishRevert(1));
    for (const index of [2, 3]) {
      const turn = `again-${index}`;
      await world.dispatch(startTurn(turn));
      await report(settle(turn), finishDiff(turn, index));
    }
    world.nodes.answer = answerWith("of the new");
    const after = diff(0, 3);
    await until(() => asked().length === 2);
    gate.resolve({ files: [], diff: "of the dropped", truncated: false });
    expect([(await before).diff, (await after).diff]).toEqual(["of the dropped", "of the new"]);
    expect(await diff(0, 3)).toMatchObject({ diff: "of the new" });
    expect(asked()).toHaveLength(2);
  });

  it("that was cut says so now and later, and text that a database refuses is kept as what it can hold (ORC-28)", async () => {
    await threeTurns();
    world.nodes.answer = () => Promise.resolve({ files: [file], diff: "a\u0000b\ud800c", truncated: true });
    const shown = await diff(0, 3);
    expect(shown).toMatchObject({ truncated: true });
    expect(await diff(0, 3)).toMatchObject({ truncated: true, diff: shown.diff });
    await world.dispatch(startTurn("t-4"));
    await report(settle("t-4"), finishDiff("t-4", 4, { diff: "a\u0000b\ud800c" }));
    expect((await diff(3, 4)).diff).toBe(shown.diff);
    expect(asked()).toHaveLength(1);
  });

  it("of a deleted thread is not there", async () => {
    await threeTurns();
    await world.dispatch(command("thread.delete", { threadId }));
    expect(await refusalOf(diff(0, 1))).toBe("thread_not_found");
  });
});
