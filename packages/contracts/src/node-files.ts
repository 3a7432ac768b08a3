// Looking into a machine: the files of a project's workspace, answered by its node and by nobody else.
import { z } from "zod";
import { ProjectId } from "./ids.ts";
import { procedure, queryFlag, queryInteger } from "./procedure.ts";
import { namingText } from "./text.ts";

/** An answer as JSON has at most so many bytes: a file beyond it is `file_too_large`, a tree is cut and says so. */
export const FILE_ANSWER_MAX_BYTES = 768 * 1024;
export const FILE_PATH_MAX_CHARACTERS = 4_096;
export const FILE_TREE_DEPTH_MAX = 8;
export const FILE_TREE_ENTRIES_MAX = 5_000;
/** Of the capability that a node announces (`NodeCapabilities.files`). */
export const FILES_CAPABILITY_VERSION = 1;

/** From the workspace root, with `/`; empty for the root itself. Absolute ones and `..` are refused. */
export const WorkspacePath = namingText
  .max(FILE_PATH_MAX_CHARACTERS)
  .refine(
    (path) => !path.startsWith("/") && !path.split("/").includes(".."),
    "a path inside the workspace, without .. and not absolute",
  );

export const FileEntry = z.object({
  /** As it is asked for: the path of the question, then names, with `/`. Bytes that are no UTF-8 show as U+FFFD. */
  path: z.string().max(FILE_PATH_MAX_CHARACTERS),
  /** `other`: a socket, a pipe, a device, or a name that is no UTF-8; nobody can ask for what is in it. */
  kind: z.enum(["file", "folder", "link", "other"]),
  /** Where a link leads inside the workspace; null for one that leads nowhere or out of it, and for what is no link. */
  leadsTo: z.enum(["file", "folder"]).nullable(),
  /** Of files; null elsewhere. */
  sizeBytes: z.int().min(0).nullable(),
  /** A folder whose entries are not all here: deeper than asked, too many, or not readable. */
  isCut: z.boolean(),
});
export type FileEntry = z.infer<typeof FileEntry>;

export const FileTree = z.object({
  path: z.string().max(FILE_PATH_MAX_CHARACTERS),
  /** Folders before files, each by name; what a folder holds stands right behind it. */
  entries: z.array(FileEntry).max(FILE_TREE_ENTRIES_MAX),
  /** Entries were left out because there are too many; those of depths that were not asked for do not count. */
  truncated: z.boolean(),
});
export type FileTree = z.infer<typeof FileTree>;

export const FileContent = z.object({
  path: z.string().max(FILE_PATH_MAX_CHARACTERS),
  /** Of the content. */
  sizeBytes: z.int().min(0),
  /** Text as it is, a byte order mark included, where it is UTF-8 without NUL; base64 elsewhere. */
  encoding: z.enum(["utf-8", "base64"]),
  content: z.string().max(FILE_ANSWER_MAX_BYTES),
  modifiedAt: z.string().max(32),
});
export type FileContent = z.infer<typeof FileContent>;

export const FileTreeInput = z.strictObject({
  projectId: ProjectId,
  path: WorkspacePath.default(""),
  depth: queryInteger(z.int().min(1).max(FILE_TREE_DEPTH_MAX)).default(1),
  /** With what git ignores, and `.git` itself never. */
  ignored: queryFlag.default(false),
});
export const FileReadInput = z.strictObject({
  projectId: ProjectId,
  path: WorkspacePath.min(1),
  ignored: queryFlag.default(false),
});

const tags = ["files"];

/**
 * Both throw `project_not_found`, `node_not_attached`, `node_offline`, `node_upgrade_required`, `workspace_unavailable`,
 * `workspace_not_allowed`, `file_not_found`, `file_not_allowed`; `read` also `file_too_large` with `sizeBytes` and
 * `limitBytes`. A request that is given up ends the node's work.
 */
export const nodeFileProcedures = {
  tree: procedure("node.files.tree")
    .route({
      method: "GET",
      path: "/projects/{projectId}/files",
      summary: "What a folder of a project's workspace holds",
      tags,
    })
    .input(FileTreeInput)
    .output(FileTree),
  read: procedure("node.files.read")
    .route({
      method: "GET",
      path: "/projects/{projectId}/files/content",
      summary: "One file of a project's workspace",
      tags,
    })
    .input(FileReadInput)
    .output(FileContent),
};
