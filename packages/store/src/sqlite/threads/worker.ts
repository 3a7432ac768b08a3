// A thread of the store: one connection, one piece of work at a time, in the order in which it arrives. Runs in a
// worker; everything it imports is loaded once more there, so it imports little.
import { parentPort, workerData } from "node:worker_threads";
import { type Prepare, StoreError } from "../../port.ts";
import { commitBatch } from "../commit.ts";
import type { Connection } from "../connection.ts";
import { applyMigrations } from "../migrate.ts";
import { openReader, openWriter } from "../open.ts";
import { closedError, readAll } from "../reading.ts";
import { decodeBatch } from "./batches.ts";
import { type Answer, type Request, type Results, type ThreadTask, toPlainError, type Work } from "./messages.ts";
import { giveWay } from "./priority.ts";
import { encodeRows } from "./rows.ts";

if (parentPort === null) throw new Error("this file is run as a worker of the store");
const port = parentPort;
const { role, path, preparer } = workerData as ThreadTask;
let connection: Connection | undefined;
let preparing: Promise<Prepare> | undefined;

port.on("message", (request: Request) => {
  if (request === null) {
    connection?.close();
    port.close();
    return;
  }
  const { id, work } = request;
  if (work.kind === "prepare") void prepare(id, work.request);
  else port.postMessage(answerOf(id, () => run(work)));
});

/** A module's own failure costs its caller the answer, nobody else's. The bytes are handed over, not copied. */
async function prepare(id: number, request: unknown): Promise<void> {
  try {
    const bytes = await (await load())(reads, request);
    port.postMessage({ id, result: bytes } satisfies Answer, bytes === null ? [] : [bytes.buffer]);
  } catch (error) {
    const told = error instanceof StoreError ? error : new StoreError("invalid_statement", describe(error));
    port.postMessage({ id, error: toPlainError(told) } satisfies Answer);
  }
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? String(error)) : String(error));

const reads: Parameters<Prepare>[0] = {
  dialect: "sqlite",
  read: async (query) => readAll(opened(), [query], false)[0] ?? [],
  readTransaction: async (queries) => readAll(opened(), queries, true),
};

function load(): Promise<Prepare> {
  if (preparer === null) return Promise.reject(new StoreError("invalid_statement", "nothing is prepared here"));
  preparing ??= import(preparer).then((module: { prepare: Prepare }) => module.prepare);
  return preparing;
}

/** What is no StoreError is a bug: it ends the thread, and every call in it fails. */
function answerOf(id: number, work: () => Results[Work["kind"]]): Answer {
  try {
    return { id, result: work() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { id, error: toPlainError(error) };
  }
}

function run(work: Exclude<Work, { kind: "prepare" }>): Results[Work["kind"]] {
  switch (work.kind) {
    case "open":
      connection = role === "writer" ? openWriter(path) : openReader(path);
      if (preparer !== null) {
        giveWay();
        // Loading takes a while: not only when the first one asks. What fails then is told to whoever asks.
        load().catch(() => undefined);
      }
      return null;
    case "read":
      return encodeRows(readAll(opened(), work.queries, work.isTransaction));
    case "commit":
      return commitBatch(opened(), decodeBatch(work.batch));
    case "migrate":
      return applyMigrations(opened(), work.set, work.stamp);
  }
}

function opened(): Connection {
  if (connection === undefined) throw closedError(path);
  return connection;
}
