// Looking into a machine: the files of a project's workspace, answered by its node and by nobody else.
import { z } from "zod";
import { ProjectId } from "./ids.ts";
import { procedure, queryFlag, queryInteger } from "./procedure.ts";
import { namingText } from "./text.ts";

/** Encoded answers beyond this are `file_too_large`. */
export const FILE_ANSWER_MAX_BYTES = 768 * 1024;
export const FILE_PATH_MAX_CHARACTERS = 4_096;
export const FILE_TREE_DEPTH_MAX = 8;
export const FILE_TREE_ENTRIES_MAX = 5_000;
/** Of the capability that a node announces (`NodeCapabilities.files`). */
export const FILES_CAPABILITY_VERSION = 1;

/** Of the workspace root, with `/`; empty for the root itself. Absolute ones and `..` are refused. */
export const WorkspacePath = namingText
  .max(FILE_PATH_MAX_CHARACTERS)
  .refine(
    (path) => !path.startsWith("/") && !path.split("/").includes(".."),
    "a path inside the workspace, without .. and not absolute",
  );

export const FileEntry = z.object({
  /** Of the workspace root, with `/`. */
  path: z.string(),
  kind: z.enum(["file", "folder", "link", "other"]),
  /** Of files; null elsewhere. */
  sizeBytes: z.int().min(0).nullable(),
  /** A folder whose entries are not all here: deeper than asked, or too many. */
  isCut: z.boolean(),
});
export type FileEntry = z.infer<typeof FileEntry>;

export const FileTree = z.object({ path: z.string(), entries: z.array(FileEntry), truncated: z.boolean() });
export type FileTree = z.infer<typeof FileTree>;

export const FileContent = z.object({
  path: z.string(),
  sizeBytes: z.int().min(0),
  /** Text as it is where it is UTF-8; base64 elsewhere. */
  encoding: z.enum(["utf-8", "base64"]),
  content: z.string(),
  modifiedAt: z.string(),
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

/** Both throw `project_not_found`, `node_offline`, `node_upgrade_required`, `file_not_found`, `file_not_allowed`, `file_too_large`. */
export const nodeFileProcedures = {
  tree: procedure("node.files.tree")
    .route({ method: "GET", path: "/projects/{projectId}/files", summary: "Files below a folder", tags })
    .input(FileTreeInput)
    .output(FileTree),
  read: procedure("node.files.read")
    .route({ method: "GET", path: "/projects/{projectId}/files/content", summary: "One file", tags })
    .input(FileReadInput)
    .output(FileContent),
};
