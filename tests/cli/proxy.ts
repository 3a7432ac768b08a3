// A proxy as it stands in front of a hub: hands on bytes and keeps the Host header, WebSockets included. TLS is left out,
// because nothing behind the proxy sees it.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Proxy {
  readonly port: number;
  handOnTo(port: number): void;
  close(): void;
}

export async function startProxy(): Promise<Proxy> {
  let target = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const hub = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [client, hub],
      [hub, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    handOnTo: (port) => {
      target = port;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
