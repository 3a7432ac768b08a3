// Who may look into a machine, which machines are asked, and what of their answers goes on.
import { type ErrorCode, type FileContent, type FileTree, MusterError, type ProjectId } from "@muster/contracts";
import { createProject } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  COLLABORATOR,
  callerOf,
  OWNER,
  onBothDatabases,
  openWorld,
  STRANGER,
  VIEWER,
  type World,
} from "../orchestration/test-world.ts";
import type { Caller, NodeFiles } from "../ports.ts";
import { createNodeFiles } from "./index.ts";

const projectId = "project" as ProjectId;
const tree = { projectId, path: "src", depth: 2, ignored: false };
const read = { projectId, path: "a.ts", ignored: true };
const TREE: FileTree = {
  path: "src",
  entries: [{ path: "src/a.ts", kind: "file", leadsTo: null, sizeBytes: 3, isCut: false }],
  truncated: false,
};
const CONTENT: FileContent = {
  path: "a.ts",
  sizeBytes: 1,
  encoding: "utf-8",
  content: "a",
  modifiedAt: "2026-01-01T00:00:00.000Z",
};

const refusal = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => "answered",
    (error: unknown) => (error instanceof MusterError ? JSON.stringify(error.toBody()) : `a bug: ${String(error)}`),
  );
const codeOf = async (asking: Promise<unknown>): Promise<string> => {
  const told = await refusal(asking);
  return told.startsWith("{") ? (JSON.parse(told) as { code: string }).code : told;
};

onBothDatabases("looking into a machine", () => {
  let world: World;
  let files: NodeFiles;
  beforeEach(async () => {
    world = await openWorld();
    files = createNodeFiles({ store: world.store, connections: world.nodes });
    await world.run(
      `INSERT INTO nodes (space_id, node_id, owner, public_key, archived_keys_json, epoch, created_at)
        VALUES ('space', 'node', 'owner', 'key', '[]', 1, '2026-01-01T00:00:00.000Z') ON CONFLICT DO NOTHING`,
    );
    await world.dispatch(createProject());
    await declare({ files: { version: 1 } });
    world.nodes.requests.length = 0;
    world.nodes.answer = async ({ method }) => (method === "files.tree" ? TREE : CONTENT);
  });
  afterEach(() => world.close());

  const declare = (capabilities: unknown) =>
    world.run(
      "UPDATE runtime_node_attachments SET capabilities_json = ? WHERE space_id = 'space' AND node_id = 'node'",
      JSON.stringify(capabilities),
    );

  it("NOD-22 asks the project's node with the project's folder, and hands its answer on", async () => {
    expect(await files.tree(OWNER, tree)).toEqual(TREE);
    expect(await files.read(OWNER, read)).toEqual(CONTENT);
    expect(world.nodes.requests).toEqual([
      { method: "files.tree", workspaceRoot: "/work/project", path: "src", depth: 2, ignored: false },
      { method: "files.read", workspaceRoot: "/work/project", path: "a.ts", ignored: true },
    ]);
    for (const caller of [COLLABORATOR, VIEWER]) expect(await files.tree(caller, tree)).toEqual(TREE);
  });

  it("NOD-22 a project that is another session's, another space's or deleted is no project, to the byte, and nobody is asked", async () => {
    const unknown = { ...tree, projectId: "no-such" as ProjectId };
    const told = await refusal(files.tree(OWNER, unknown));
    expect(told).toContain("project_not_found");
    const strangers: Caller[] = [
      STRANGER,
      callerOf("owner", { session: "owner" }, "other-space"),
      callerOf("nobody", {}),
    ];
    for (const caller of strangers) {
      expect(await refusal(files.tree(caller, tree))).toBe(told);
      expect(await refusal(files.read(caller, read))).toBe(told);
    }
    await world.run(
      "UPDATE projection_projects SET deleted_at = '2026-01-01T00:00:00.000Z' WHERE project_id = 'project'",
    );
    expect(await refusal(files.tree(OWNER, tree))).toBe(told);
    expect(world.nodes.requests).toEqual([]);
  });

  it("NOD-22 a node without the capability is never asked, and one that is offline is offline, whatever it could", async () => {
    for (const capabilities of [{}, { files: null }, { files: { version: 0 } }, { providers: "nonsense" }]) {
      await declare(capabilities);
      expect(await codeOf(files.tree(OWNER, tree))).toBe("node_upgrade_required");
    }
    world.nodes.connected.delete("node");
    expect(await codeOf(files.tree(OWNER, tree))).toBe("node_offline");
    await declare({ files: { version: 2 } });
    expect(await codeOf(files.read(OWNER, read))).toBe("node_offline");
    expect(world.nodes.requests).toEqual([]);
  });

  it.each(["revoked", "offline"])(
    "NOD-22 a node whose slot in the project's session is %s is not asked, though it is connected",
    async (state) => {
      await world.run(
        "UPDATE runtime_node_attachments SET state = ? WHERE space_id = 'space' AND node_id = 'node'",
        state,
      );
      expect(await codeOf(files.tree(OWNER, tree))).toBe("node_not_attached");
      expect(world.nodes.requests).toEqual([]);
    },
  );

  it("NOD-22 a machine whose owner may contribute none any more is not looked into", async () => {
    for (const change of ["state = 'suspended'", "state = 'active', role = 'viewer'"]) {
      await world.run(`UPDATE session_memberships SET ${change} WHERE space_id = 'space' AND participant_id = 'owner'`);
      expect(await codeOf(files.tree(COLLABORATOR, tree))).toBe("runtimenode.permission_denied");
    }
    expect(world.nodes.requests).toEqual([]);
  });

  it("NOD-22 an answer that fits no schema goes no further", async () => {
    const wrong: unknown[] = [
      null,
      {},
      "text",
      { ...TREE, entries: Array.from({ length: 5_001 }, () => TREE.entries[0]) },
      { ...TREE, entries: [{ ...TREE.entries[0], kind: "program" }] },
      { ...TREE, entries: [{ ...TREE.entries[0], path: "x".repeat(4_097) }] },
    ];
    for (const answer of wrong) {
      world.nodes.answer = async () => answer;
      expect(await codeOf(files.tree(OWNER, tree))).toBe("node_upgrade_required");
    }
    world.nodes.answer = async () => ({ ...CONTENT, content: "x".repeat(768 * 1024 + 1) });
    expect(await codeOf(files.read(OWNER, read))).toBe("node_upgrade_required");
    world.nodes.answer = async () => ({ ...CONTENT, secret: "unasked" });
    expect(await files.read(OWNER, read)).toEqual(CONTENT);
  });

  it("hands on what a node may refuse, and takes anything else for its failure", async () => {
    const answerWith = (code: ErrorCode, details?: Record<string, unknown>) => {
      world.nodes.answer = () => Promise.reject(new MusterError(code, `the node says ${code}`, details));
    };
    const size = { sizeBytes: 10, limitBytes: 5 };
    answerWith("file_too_large", size);
    expect(JSON.parse(await refusal(files.read(OWNER, read)))).toMatchObject({
      code: "file_too_large",
      message: "the node says file_too_large",
      details: size,
    });
    for (const code of ["file_not_found", "file_not_allowed", "workspace_unavailable", "queue_full"] as const) {
      answerWith(code);
      expect(await codeOf(files.read(OWNER, read))).toBe(code);
    }
    // A browser would log itself out for the first.
    for (const code of ["unauthenticated", "project_not_found", "internal_error"] as const) {
      answerWith(code);
      expect(JSON.parse(await refusal(files.read(OWNER, read)))).toMatchObject({
        code: "internal_error",
        details: { reason: code },
      });
    }
    answerWith("file_not_found", { path: "x".repeat(20_000) });
    expect((await refusal(files.read(OWNER, read))).length).toBeLessThan(1_000);
  });
});
