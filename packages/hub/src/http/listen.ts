// Where the server may listen: on loopback, and elsewhere only where somebody has said that the network may be trusted,
// because the hub speaks plain HTTP. Whoever wants more puts a proxy with TLS in front and names its address.
import type { Server } from "node:http";
import { isIP } from "node:net";
import { MusterError } from "@muster/contracts";
import { isLoopback } from "./addresses.ts";

export interface ListenOptions {
  /** An address of this machine, or `localhost`; default 127.0.0.1. `0.0.0.0` and `::` are all of them. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whoever listens on the way to the hub may read tokens; needed for all but loopback. */
  readonly trustNetwork?: boolean;
}

const refusal = (host: string, port: number, error: Error): Error => {
  const code = "code" in error ? error.code : undefined;
  const details = { host, port };
  if (code === "EADDRINUSE") {
    return new MusterError("port_in_use", `Port ${port} is taken by another program.`, details, { cause: error });
  }
  if (code === "EACCES") {
    return new MusterError("validation_failed", `Port ${port} needs rights that this process lacks.`, details, {
      cause: error,
    });
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAFNOSUPPORT" || code === "EINVAL") {
    return new MusterError("validation_failed", `This machine has no address ${host}.`, details, { cause: error });
  }
  return error;
};

function checkPlace(host: string, trustNetwork: boolean): void {
  if (isLoopback(host)) return;
  if (!trustNetwork) {
    throw new MusterError(
      "validation_failed",
      `The hub listens on loopback only, not on ${host}: it speaks plain HTTP, which would show every token to the network. Put a proxy with TLS in front of it, or say that the network is to be trusted.`,
      { host },
    );
  }
  // No URL can carry a zone.
  if (isIP(host) === 0 || host.includes("%"))
    throw new MusterError("validation_failed", `"${host}" is no address of this machine.`, { host });
}

/** Resolves with the bound port. Throws `validation_failed` for a place that may not be listened on, `port_in_use`. */
export const listenAt = async (
  server: Server,
  { host = "127.0.0.1", port, trustNetwork = false }: ListenOptions,
): Promise<number> => {
  checkPlace(host, trustNetwork);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => reject(refusal(host, port, error));
    server.once("error", onError);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens, but on no port");
  return address.port;
};
