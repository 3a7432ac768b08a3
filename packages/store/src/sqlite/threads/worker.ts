// A thread of the store: one connection, one piece of work at a time, in the order in which it arrives. Runs in a
// worker; everything it imports is loaded once more there, so it imports little.
import { parentPort, workerData } from "node:worker_threads";
import { type Answers, type Query, type QueryOf, StoreError, type Workbench } from "../../port.ts";
import { type Answer, type Request, toPlainError } from "../../threads/messages.ts";
import { preparing, working } from "../../threads/preparing.ts";
import { giveWay } from "../../threads/priority.ts";
import { commitBatch } from "../commit.ts";
import type { Connection } from "../connection.ts";
import { applyMigrations } from "../migrate.ts";
import { openReader, openWriter } from "../open.ts";
import { closedError, readAll } from "../reading.ts";
import { commitScratch, openScratchConnection } from "../scratch.ts";
import { decodeBatch } from "./batches.ts";
import type { Results, SqliteTask, Work } from "./messages.ts";
import { encodeRows } from "./rows.ts";

if (parentPort === null) throw new Error("this file is run as a worker of the store");
const port = parentPort;
const { role, path, preparer } = workerData as SqliteTask;
const OPENERS = { writer: openWriter, reader: openReader, scratch: openScratchConnection };
let connection: Connection | undefined;
/** What a module does here. */
let prepare: ReturnType<typeof preparing> | undefined;
let workByModule: ReturnType<typeof working> | undefined;

port.on("message", (request: Request<Work>) => {
  if (request === null) {
    connection?.close();
    port.close();
    return;
  }
  const { id, work } = request;
  if (work.kind === "prepare" && prepare !== undefined) void prepare(id, work.request);
  else if (work.kind === "work" && workByModule !== undefined) void workByModule(id, work.request);
  else port.postMessage(answerOf(id, () => run(work)));
});

const bench: Workbench = {
  dialect: "sqlite",
  read: async <Found extends object>(query: QueryOf<Found>) =>
    (readAll(opened(), [query], false)[0] ?? []) as readonly unknown[] as readonly Found[],
  readTransaction: async <const Queries extends readonly Query[]>(queries: Queries) =>
    readAll(opened(), queries, true) as Answers<Queries>,
  commit: async (batch) => commitScratch(opened(), batch),
};

/** What is no StoreError is a bug: it ends the thread, and every call in it fails. */
function answerOf(id: number, work: () => Results[Work["kind"]]): Answer<unknown> {
  try {
    return { id, result: work() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { id, error: toPlainError(error) };
  }
}

function run(work: Work): Results[Work["kind"]] {
  switch (work.kind) {
    case "prepare":
    case "work":
      throw new StoreError("invalid_statement", "nothing is prepared here");
    case "open":
      connection = OPENERS[role](path);
      if (preparer !== null) {
        giveWay();
        if (role === "scratch") workByModule = working(port, preparer, bench);
        else prepare = preparing(port, preparer, bench);
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
