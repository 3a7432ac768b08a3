// Where the server may listen. Loopback alone: whoever wants more puts a proxy with TLS in front and names its host.
import type { Server } from "node:http";
import { isIPv4 } from "node:net";
import { MusterError } from "@muster/contracts";

export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

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
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new MusterError("validation_failed", `This machine has no address ${host}.`, details, { cause: error });
  }
  return error;
};

/** Resolves with the bound port. Throws `validation_failed` for a host that is not loopback, `port_in_use`. */
export const listenOnLoopback = async (
  server: Server,
  { host = "127.0.0.1", port }: ListenOptions,
): Promise<number> => {
  if (!isLoopback(host)) {
    throw new MusterError(
      "validation_failed",
      `The hub listens on loopback only, not on ${host}: it speaks plain HTTP, which would show every token to the network. Put a proxy with TLS in front of it.`,
      { host },
    );
  }
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
