// What lies in a project's workspace is asked of its node, each time anew, and kept nowhere. The hub finds out whose
// project it is and whether the node may be asked; what may be shown of the machine is the node's to say. An answer is
// parsed before it goes on, and of a node's refusals only those that a question about files can have.
import {
  type ErrorCode,
  FileContent,
  FileTree,
  MusterError,
  NodeCapabilities,
  type NodeRequest,
  type ProjectId,
} from "@muster/contracts";
import { integer, nullable, pick, type Store, select, text } from "@muster/store";
import type { z } from "zod";
import { CONTRIBUTES } from "../nodes/index.ts";
import type { Caller, NodeConnections, NodeFiles } from "../ports.ts";
import { HUB_TABLES, ofSpace } from "../schema/index.ts";

/** A machine reads a folder in milliseconds; its git may take seconds. */
const FILES_REQUEST_TIMEOUT_MS = 15_000;
const REFUSAL_MESSAGE_MAX_CHARACTERS = 1_024;
const REFUSAL_DETAILS_MAX_CHARACTERS = 16 * 1_024;

/** What a node may answer in place of files. Anything else it says is a failure of the node. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "file_not_found",
  "file_not_allowed",
  "file_too_large",
  "workspace_not_allowed",
  "workspace_unavailable",
  "node_offline",
  "queue_full",
]);

const { projection_projects: projects, runtime_node_attachments: slots } = HUB_TABLES;

const placeOf = select({
  request: { ...ofSpace, projectId: text<ProjectId>() },
  row: {
    ...pick(projects, "session_id", "node_id", "workspace_root"),
    ...pick(slots, "capabilities_json"),
    slot_id: nullable(slots.id),
    contributes: integer(),
  },
  sql: `SELECT project.session_id, project.node_id, project.workspace_root, slot.capabilities_json,
      slot.id AS slot_id, ${CONTRIBUTES} AS contributes
    FROM projection_projects project
    JOIN sessions session ON session.space_id = project.space_id AND session.session_id = project.session_id
    JOIN nodes node ON node.space_id = project.space_id AND node.node_id = project.node_id
    LEFT JOIN runtime_node_attachments slot ON slot.space_id = project.space_id AND slot.session_id = project.session_id
      AND slot.node_id = project.node_id AND slot.state IN ('registering', 'online', 'degraded')
    WHERE project.space_id = :spaceId AND project.project_id = :projectId AND project.deleted_at IS NULL`,
});

export interface NodeFilesOptions {
  readonly store: Store;
  readonly connections: NodeConnections;
}

type FilesRequest = Extract<NodeRequest, { method: `files.${string}` }>;
/** What is left to say when the project's folder is known. */
type Question = {
  [Method in FilesRequest["method"]]: Omit<Extract<FilesRequest, { method: Method }>, "workspaceRoot">;
};

export function createNodeFiles({ store, connections }: NodeFilesOptions): NodeFiles {
  const ask = async <Schema extends z.ZodType>(
    caller: Caller,
    projectId: ProjectId,
    question: Question[keyof Question],
    schema: Schema,
    signal: AbortSignal | undefined,
  ): Promise<z.infer<Schema>> => {
    const { spaceId, roles } = caller;
    const [place] = await store.read(placeOf(store.dialect, { spaceId, projectId }));
    if (place === undefined || !roles.has(place.session_id)) throw new MusterError("project_not_found");
    const { node_id: nodeId, workspace_root: workspaceRoot } = place;
    if (!connections.isConnected(spaceId, nodeId)) throw new MusterError("node_offline");
    // Connected for the sake of another session, it has not been lent to this one.
    if (place.slot_id === null) throw new MusterError("node_not_attached");
    if (place.contributes !== 1) throw new MusterError("runtimenode.permission_denied");
    // An older daemon takes such a question for a broken frame.
    if (!announcesFiles(place.capabilities_json)) throw new MusterError("node_upgrade_required");
    let answer: unknown;
    try {
      answer = await connections.request(
        spaceId,
        nodeId,
        { workspaceRoot, ...question },
        { timeoutMs: FILES_REQUEST_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) },
      );
    } catch (error) {
      if (signal?.aborted === true) throw new MusterError("unavailable", "Nobody waits for the answer any more.");
      throw refusalOf(error);
    }
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new MusterError("node_upgrade_required", undefined, { reason: "uplink.frame_invalid" });
  };
  return {
    tree: (caller, { projectId, ...input }, signal) =>
      ask(caller, projectId, { method: "files.tree", ...input }, FileTree, signal),
    read: (caller, { projectId, ...input }, signal) =>
      ask(caller, projectId, { method: "files.read", ...input }, FileContent, signal),
  };
}

const announcesFiles = (capabilities: string | null): boolean => {
  if (capabilities === null) return false;
  const parsed = NodeCapabilities.safeParse(JSON.parse(capabilities));
  return parsed.success && parsed.data.files !== undefined;
};

function refusalOf(error: unknown): unknown {
  if (!(error instanceof MusterError)) return error;
  const { code, message, details } = error;
  if (!REFUSALS.has(code)) return new MusterError("internal_error", "The node failed to answer.", { reason: code });
  const isSmall = JSON.stringify(details ?? null).length <= REFUSAL_DETAILS_MAX_CHARACTERS;
  return new MusterError(code, message.slice(0, REFUSAL_MESSAGE_MAX_CHARACTERS), isSmall ? details : undefined);
}
