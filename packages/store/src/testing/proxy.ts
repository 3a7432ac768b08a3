// A network between a store and its server that breaks at a chosen moment: when certain bytes come by on their way to the
// server, which then never get there, or on their way back.
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresAddress } from "../postgres/testing.ts";

export interface Proxy {
  readonly address: PostgresAddress;
  close(): Promise<void>;
}

export interface Gate extends Proxy {
  /** Breaks every connection, and each new one at once, as a server that is down. */
  shut(): void;
  open(): void;
}

/** @param side which way the bytes must go to break the connection they are on */
export const openCuttingProxy = async (
  server: PostgresAddress,
  side: "request" | "answer",
  bytes: string,
): Promise<Proxy> => openProxy(server, (from, chunk) => from === side && chunk.includes(bytes));

/** A network that lets everything pass until it is shut. */
export const openGate = async (server: PostgresAddress): Promise<Gate> => {
  let isShut = false;
  const { breakAll, ...proxy } = await openProxy(server, () => isShut);
  return {
    ...proxy,
    shut: () => {
      isShut = true;
      breakAll();
    },
    open: () => {
      isShut = false;
    },
  };
};

const openProxy = async (
  server: PostgresAddress,
  breaks: (side: "request" | "answer", chunk: Buffer) => boolean,
): Promise<Proxy & { breakAll(): void }> => {
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
        sockets.delete(socket);
        for (const each of pair) each.destroy();
      });
    }
    const pass = (from: Socket, to: Socket, side: "request" | "answer") =>
      from.on("data", (chunk) => {
        if (breaks(side, chunk)) for (const each of pair) each.destroy();
        else to.write(chunk);
      });
    pass(near, far, "request");
    pass(far, near, "answer");
  });
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => proxy.listen(join(directory, name), resolve));
  return {
    address: { ...server, host: directory },
    breakAll,
    close: async () => {
      breakAll();
      await new Promise((resolve) => proxy.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
};
