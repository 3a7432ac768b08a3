// An answer that waits for more ends when its signal says so, also long after the request was collected as garbage.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { abortableFetch } from "./abortable-fetch.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a waiting answer ends with its signal, whatever was collected before", async () => {
  const server = createServer((_request, response) => void response.write("first"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const abort = new AbortController();
  const open = async (): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const response = await abortableFetch(new Request(`http://127.0.0.1:${port}/`, { signal: abort.signal }));
    if (response.body === null) throw new Error("no body");
    return response.body.getReader();
  };
  const reader = await open();
  await reader.read();
  const waiting = reader.read().catch((error: Error) => error.name);
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  abort.abort();
  expect(await waiting).toBe("AbortError");
  server.closeAllConnections();
  server.close();
});
