// Limits of looking into a workspace, each with its reason. Those of an answer stand in the contract.

/** Names that one answer reads from disk: a folder with more is cut before its names are sorted. */
export const NAMES_READ_MAX = 250_000;
/** Folders that are open at once while a tree is read. */
export const FOLDERS_IN_FLIGHT = 16;
/** File system calls of one answer in flight at once. */
export const FILE_CALLS_IN_FLIGHT = 32;
/** Repositories that one answer asks for their rules; folders of further ones are shown without what is in them. */
export const REPOSITORIES_ASKED_MAX = 32;
/** One git process of an answer: below the time for which the hub waits. */
export const GIT_CALL_MS = 10_000;
/** What git prints for one answer: every name that was read, at a usual length. */
export const GIT_OUTPUT_MAX_BYTES = 64 * 1024 * 1024;
/** Paths that git takes as arguments; more are asked for by a listing of their repository. */
export const GIT_PATHS_MAX = 200;
/** Read at a time, between looks at whether anybody still waits. */
export const READ_BYTES = 64 * 1024;
