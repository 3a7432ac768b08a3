// The thread of a PostgreSQL store that makes answers: reads over connections of its own, so that neither many rows nor
// writing them down hold up the event loop. Runs in a worker; everything it imports is loaded once more there.
import { parentPort, workerData } from "node:worker_threads";
import type { Answer, Request } from "../threads/messages.ts";
import { preparing } from "../threads/preparing.ts";
import { giveWay } from "../threads/priority.ts";
import { PREPARING_CONNECTIONS_MAX } from "./limits.ts";
import { PostgresStore, type PreparingTask, type PreparingWork } from "./store.ts";

if (parentPort === null) throw new Error("this file is run as a worker of the store");
const port = parentPort;
const { preparer, options } = workerData as PreparingTask;
/** Connects when the first answer is asked for. */
const store = new PostgresStore({ ...options, readConnectionsMax: PREPARING_CONNECTIONS_MAX });
const prepare = preparing(port, preparer, store);
giveWay();

port.on("message", (request: Request<PreparingWork>) => {
  if (request === null) void store.close().then(() => port.close());
  else if (request.work.kind === "prepare") void prepare(request.id, request.work.request);
  else port.postMessage({ id: request.id, result: null } satisfies Answer<null>);
});
