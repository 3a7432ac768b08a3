// Reads blobs and trees from the object store, and computes what a file's blob would be called.
import { createHash } from "node:crypto";
import { readlink } from "node:fs/promises";
import { type BytePath, splitNul } from "./byte-path.ts";
import { oneLine } from "./git.ts";
import { openPlain } from "./plain-file.ts";
import type { Plumbing, PlumbingCall } from "./plumbing.ts";
import type { Workspace } from "./workspace.ts";

/** Blobs that are read together have at most this size, if there are several. */
const BATCH_BYTES = 32 * 1024 * 1024;
const HEADER_MAX_BYTES = 128;

/** Sizes in bytes; an object that is not in the store has none. */
export async function objectSizes(
  plumbing: Plumbing,
  workspace: Workspace,
  oids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  if (oids.length === 0) return sizes;
  const { stdout } = await plumbing.raw(workspace, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], {
    input: Buffer.from(`${[...new Set(oids)].join("\n")}\n`),
    signal,
  });
  for (const line of stdout.toString("latin1").split("\n")) {
    const [oid, size] = line.split(" ");
    if (oid && size && size !== "missing") sizes.set(oid, Number(size));
  }
  return sizes;
}

export interface Blob {
  readonly oid: string;
  readonly content: Buffer;
}

/** Yields every blob once, in memory-sized batches. All must exist. */
export async function* readBlobs(
  plumbing: Plumbing,
  workspace: Workspace,
  sizes: ReadonlyMap<string, number>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Blob[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const [oid, size] of sizes) {
    if (batch.length > 0 && bytes + size > BATCH_BYTES) {
      yield await readBatch(plumbing, workspace, batch, bytes, signal);
      batch = [];
      bytes = 0;
    }
    batch.push(oid);
    bytes += size + HEADER_MAX_BYTES;
  }
  if (batch.length > 0) yield await readBatch(plumbing, workspace, batch, bytes, signal);
}

async function readBatch(
  plumbing: Plumbing,
  workspace: Workspace,
  oids: readonly string[],
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Blob[]> {
  const { stdout } = await plumbing.raw(workspace, ["cat-file", "--batch"], {
    input: Buffer.from(`${oids.join("\n")}\n`),
    maxStdoutBytes: maxBytes,
    signal,
  });
  const blobs: Blob[] = [];
  let at = 0;
  while (at < stdout.length) {
    const headerEnd = stdout.indexOf(0x0a, at);
    const [oid = "", , size = ""] = stdout.toString("latin1", at, headerEnd).split(" ");
    const start = headerEnd + 1;
    const end = start + Number(size);
    blobs.push({ oid, content: stdout.subarray(start, end) });
    at = end + 1;
  }
  return blobs;
}

export interface TreeEntry {
  readonly mode: string;
  readonly oid: string;
  readonly path: BytePath;
}

/** All files of a tree, at any depth. */
export async function listTree(
  plumbing: Plumbing,
  workspace: Workspace,
  treeOid: string,
  signal: AbortSignal | undefined,
): Promise<TreeEntry[]> {
  const { stdout } = await plumbing.raw(workspace, ["ls-tree", "-r", "-z", "--full-tree", treeOid], { signal });
  return splitNul(stdout).map((record) => {
    const tab = record.indexOf("\t");
    const [mode = "", , oid = ""] = record.slice(0, tab).split(" ");
    return { mode, oid, path: record.slice(tab + 1) as BytePath };
  });
}

/** The tree of a folder in a tree; the empty tree where there is no such folder. */
export async function subtreeOf(
  plumbing: Plumbing,
  workspace: Workspace,
  treeOid: string,
  folder: string,
  call: PlumbingCall,
): Promise<string> {
  const found = await plumbing.raw(workspace, ["rev-parse", "--verify", "--quiet", `${treeOid}:${folder}`], {
    ...call,
    exitCodes: [0, 1],
  });
  if (found.exitCode === 0) return oneLine(found);
  return oneLine(await plumbing.raw(workspace, ["mktree"], call));
}

/** The blob name of a regular file's bytes. `size` is the file's, from the same moment. Rejects for what is no file by now. */
export async function hashFile(workspace: Workspace, file: Buffer, size: number): Promise<string> {
  const hash = createHash(workspace.objectFormat).update(`blob ${size}\0`);
  const handle = await openPlain(file);
  try {
    for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk);
  } finally {
    await handle.close();
  }
  return hash.digest("hex");
}

/** The blob name of a symbolic link. */
export async function hashLink(workspace: Workspace, link: Buffer): Promise<string> {
  const target = await readlink(link, { encoding: "buffer" });
  return createHash(workspace.objectFormat).update(`blob ${target.length}\0`).update(target).digest("hex");
}
