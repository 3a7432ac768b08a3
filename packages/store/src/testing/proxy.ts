// A network between a store and its server that fails at a chosen moment: it breaks when certain bytes come by on their way
// to the server, which then never get there, or on their way back; or it swallows what comes and says nothing.
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresAddress } from "../postgres/testing.ts";

export interface Proxy {
  readonly address: PostgresAddress;
  close(): Promise<void>;
}

/** What becomes of bytes that come by, and of all that come behind them on their connection. */
type Fate = "pass" | "break" | "swallow";
type Side = "request" | "answer";

export interface Gate extends Proxy {
  /** Breaks every connection, and each new one at once, as a server that is down. */
  shut(): void;
  open(): void;
  /** Swallows all that comes on the connections that there are, their end too; new ones work. */
  silence(): void;
}

/** @param side which way the bytes must go to break the connection they are on */
export const openCuttingProxy = async (server: PostgresAddress, side: Side, bytes: string): Promise<Proxy> =>
  openProxy(server, (from, chunk) => (from === side && chunk.includes(bytes) ? "break" : "pass"));

/** A network that swallows certain bytes on their way to the server, and all that comes behind them. */
export const openSwallowingProxy = (server: PostgresAddress, bytes: string): Promise<Proxy> =>
  openProxy(server, (from, chunk) => (from === "request" && chunk.includes(bytes) ? "swallow" : "pass"));

/** A network that lets everything pass until it is shut. */
export const openGate = async (server: PostgresAddress): Promise<Gate> => {
  let isShut = false;
  const { breakAll, ...proxy } = await openProxy(server, () => (isShut ? "break" : "pass"));
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
  fateOf: (side: Side, chunk: Buffer) => Fate,
): Promise<Proxy & { breakAll(): void; silence(): void }> => {
  const directory = await mkdtemp(join(tmpdir().length < 60 ? tmpdir() : "/tmp", "muster-cut-"));
  const name = `.s.PGSQL.${server.port}`;
  const connections = new Set<Connection>();
  const proxy = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: join(server.host, name), allowHalfOpen: true });
    const connection: Connection = { sockets: [near, far], isSilent: false };
    connections.add(connection);
    const breakIt = (): void => {
      connections.delete(connection);
      for (const socket of connection.sockets) socket.destroy();
    };
    const pass = (from: Socket, to: Socket, side: Side): void => {
      from.on("error", () => undefined);
      from.on("close", () => {
        if (!connection.isSilent) breakIt();
      });
      from.on("end", () => {
        if (!connection.isSilent) to.end();
      });
      from.on("data", (chunk) => {
        const fate = connection.isSilent ? "swallow" : fateOf(side, chunk);
        if (fate === "break") breakIt();
        else if (fate === "swallow") connection.isSilent = true;
        else to.write(chunk);
      });
    };
    pass(near, far, "request");
    pass(far, near, "answer");
  });
  const breakAll = (): void => {
    for (const { sockets } of connections) for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => proxy.listen(join(directory, name), resolve));
  return {
    address: { ...server, host: directory },
    breakAll,
    silence: () => {
      for (const connection of connections) connection.isSilent = true;
    },
    close: async () => {
      breakAll();
      await new Promise((resolve) => proxy.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
};

interface Connection {
  readonly sockets: readonly [near: Socket, far: Socket];
  isSilent: boolean;
}
