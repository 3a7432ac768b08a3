// A thread of the store: one connection, one piece of work at a time, in the order in which it arrives. Runs in a
// worker; everything it imports is loaded once more there, so it imports little.
import { parentPort, workerData } from "node:worker_threads";
import { StoreError } from "../../port.ts";
import { commitBatch } from "../commit.ts";
import type { Connection } from "../connection.ts";
import { applyMigrations } from "../migrate.ts";
import { openReader, openWriter } from "../open.ts";
import { closedError, readAll } from "../reading.ts";
import { decodeBatch } from "./batches.ts";
import { type Answer, type Request, type Results, type ThreadTask, toPlainError, type Work } from "./messages.ts";
import { encodeRows } from "./rows.ts";

if (parentPort === null) throw new Error("this file is run as a worker of the store");
const port = parentPort;
const { role, path } = workerData as ThreadTask;
let connection: Connection | undefined;

port.on("message", (request: Request) => {
  if (request === null) {
    connection?.close();
    port.close();
    return;
  }
  port.postMessage(answerOf(request.id, () => run(request.work)));
});

/** What is no StoreError is a bug: it ends the thread, and every call in it fails. */
function answerOf(id: number, work: () => Results[Work["kind"]]): Answer {
  try {
    return { id, result: work() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { id, error: toPlainError(error) };
  }
}

function run(work: Work): Results[Work["kind"]] {
  switch (work.kind) {
    case "open":
      connection = role === "writer" ? openWriter(path) : openReader(path);
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
