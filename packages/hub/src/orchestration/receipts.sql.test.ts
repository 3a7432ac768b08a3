// Receipts: what a command that comes again is answered, cell by cell.
import type { ClientCommand, MusterError } from "@muster/contracts";
import { command, createProject, createThread, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  COLLABORATOR,
  OWNER,
  onBothDatabases,
  openWorld,
  refusalOf,
  STRANGER,
  VIEWER,
  type World,
} from "./test-world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await world.dispatch(createProject());
  await world.dispatch(createThread());
});
afterEach(() => world.close());

const receipts = (commandId: string) =>
  world.rows(
    "SELECT command_type, aggregate_kind, aggregate_id, accepted_at, result_sequence, status, error_json FROM orchestration_command_receipts WHERE command_id = ?",
    commandId,
  );
const eventCount = async () => Number((await world.rows("SELECT count(*) AS n FROM orchestration_events"))[0]?.["n"]);
const rename = (fields: Record<string, unknown> = {}) =>
  command("thread.meta.update", { threadId: "thread", commandId: "rename", title: "New", ...fields });
const refused = (fields: Record<string, unknown> = {}) =>
  command("thread.unarchive", { threadId: "thread", commandId: "refused", ...fields });

onBothDatabases("an accepted command", () => {
  it("leaves a receipt with the sequence of its last event (ORC-8)", async () => {
    const { sequence } = await world.dispatch(startTurn("turn", { commandId: "start" }));
    expect(await receipts("start")).toEqual([
      {
        command_type: "thread.turn.start",
        aggregate_kind: "thread",
        aggregate_id: "thread",
        accepted_at: "2026-01-01T00:00:00.000Z",
        result_sequence: sequence,
        status: "accepted",
        error_json: null,
      },
    ]);
  });

  it("that comes again gets the stored result and appends nothing (ORC-20)", async () => {
    const first = await world.dispatch(rename());
    const before = await eventCount();
    expect(await world.dispatch(rename())).toEqual({ ...first, receipt: "duplicate" });
    expect(await eventCount()).toBe(before);
  });

  it("that comes again with another clock of the client and another trace is the same (ORC-20)", async () => {
    const first = await world.dispatch(rename({ clientCreatedAt: "2026-01-01T00:00:00Z" }));
    const again = rename({
      clientCreatedAt: "2026-05-05T05:05:05Z",
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    });
    expect(await world.dispatch(again)).toEqual({ ...first, receipt: "duplicate" });
  });

  it("that comes again with other content is refused and changes nothing (ORC-20)", async () => {
    await world.dispatch(rename());
    const before = await eventCount();
    expect(await world.refusal(rename({ title: "Other" }))).toBe("command_id_reused");
    expect(await world.refusal(refused({ commandId: "rename" }))).toBe("command_id_reused");
    expect(await eventCount()).toBe(before);
    expect(await receipts("rename")).toMatchObject([{ command_type: "thread.meta.update", status: "accepted" }]);
  });

  it("that comes again from someone else is refused (ORC-20)", async () => {
    await world.dispatch(rename());
    expect(await world.refusal(rename(), COLLABORATOR)).toBe("command_id_reused");
  });

  it("is answered from its receipt after a restart (ORC-20)", async () => {
    const lasting = await openWorld({ isFile: true });
    await lasting.dispatch(createProject());
    const first = await lasting.dispatch(createThread({ commandId: "create" }));
    await lasting.restart();
    expect(await lasting.dispatch(createThread({ commandId: "create" }))).toEqual({ ...first, receipt: "duplicate" });
    await lasting.close();
  });
});

onBothDatabases("a refused command", () => {
  it("leaves a receipt of its refusal and no event (ORC-8, ORC-18)", async () => {
    const before = await eventCount();
    expect(await world.refusal(refused())).toBe("thread_not_archived");
    expect(await eventCount()).toBe(before);
    const [receipt] = await receipts("refused");
    expect(receipt).toMatchObject({ status: "rejected", result_sequence: 0, aggregate_id: "thread" });
    expect(JSON.parse(String(receipt?.["error_json"]))).toMatchObject({ code: "thread_not_archived" });
  });

  it("that comes again is refused the same way, though it might succeed now (ORC-20)", async () => {
    const first = await world.dispatch(refused()).catch((error: MusterError) => error.toBody());
    await world.dispatch(command("thread.archive", { threadId: "thread" }));
    expect(await world.dispatch(refused()).catch((error: MusterError) => error.toBody())).toEqual(first);
    await world.dispatch(refused({ commandId: "fresh" }));
  });

  it("that comes again with other content is refused as reused (ORC-20)", async () => {
    await world.refusal(refused());
    expect(await world.refusal(rename({ commandId: "refused" }))).toBe("command_id_reused");
  });
});

onBothDatabases("what leaves no receipt", () => {
  it.each([
    ["a viewer", VIEWER, "permission_denied"],
    ["a stranger", STRANGER, "thread_not_found"],
  ] as const)("a command that %s may not give: allowed later, it runs (ORC-20)", async (_who, caller, code) => {
    expect(await world.refusal(rename(), caller)).toBe(code);
    expect(await receipts("rename")).toEqual([]);
    const promoted = { ...caller, roles: OWNER.roles };
    expect(await world.dispatch(rename(), promoted)).toMatchObject({ receipt: "accepted" });
  });

  it("a command for a thread that is not there yet, so that its retry may come after the creation", async () => {
    const early = startTurn("turn", { threadId: "later", commandId: "early" });
    expect(await world.refusal(early)).toBe("thread_not_found");
    expect(await receipts("early")).toEqual([]);
    await world.dispatch(createThread({ threadId: "later" }));
    expect(await world.dispatch(early)).toMatchObject({ receipt: "accepted" });
  });

  it("text that is no Unicode and so has no fingerprint", async () => {
    // Past the schema, which refuses it too.
    const broken: ClientCommand = { ...rename(), title: "\ud800" };
    expect(await refusalOf(world.dispatch(broken))).toBe("validation_failed");
    expect(await receipts("rename")).toEqual([]);
  });
});
