// A network between a store and its server that breaks at a chosen moment: when certain bytes come by on their way to the
// server, which then never get there, or on their way back.
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresAddress } from "../postgres/testing.ts";

export interface CuttingProxy {
  readonly address: PostgresAddress;
  close(): Promise<void>;
}

/** @param side which way the bytes must go to break the connection they are on */
export const openCuttingProxy = async (
  server: PostgresAddress,
  side: "request" | "answer",
  bytes: string,
): Promise<CuttingProxy> => {
  const directory = await mkdtemp(join(tmpdir().length < 60 ? tmpdir() : "/tmp", "muster-cut-"));
  const name = `.s.PGSQL.${server.port}`;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(join(server.host, name));
    const pair = [near, far];
    for (const socket of pair) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        for (const each of pair) each.destroy();
      });
    }
    const pass = (from: Socket, to: Socket, isWatched: boolean) =>
      from.on("data", (chunk) => {
        if (isWatched && chunk.includes(bytes)) for (const each of pair) each.destroy();
        else to.write(chunk);
      });
    pass(near, far, side === "request");
    pass(far, near, side === "answer");
  });
  await new Promise<void>((resolve) => proxy.listen(join(directory, name), resolve));
  return {
    address: { ...server, host: directory },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
};
