// Which hub a command talks to, and with what. The token in the home belongs to the hub that wrote it and is sent to
// no other address.
import { createClient, type MusterClient } from "@muster/client";
import { MusterError } from "@muster/contracts";
import type { Context } from "./context.ts";
import { isAlive, readEndpoint, readToken } from "./home.ts";

export interface HubAddress {
  readonly url: string;
  readonly token: string | null;
  /** Process of the hub, when it is the one of this home. */
  readonly pid: number | null;
}

/** `--url`, else MUSTER_URL, else the hub of this home. Throws `hub_unreachable` when there is none. */
export function findHub({ shell, options, paths }: Context): HubAddress {
  const endpoint = readEndpoint(paths);
  const given = options.url ?? (shell.env["MUSTER_URL"] || undefined);
  const givenToken = options.token ?? (shell.env["MUSTER_TOKEN"] || undefined);
  if (given !== undefined) {
    if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
      throw new MusterError(
        "validation_failed",
        `"${given}" is no address of a hub: give one like http://127.0.0.1:7600.`,
      );
    }
    const isOurs = endpoint !== null && new URL(endpoint.url).origin === new URL(given).origin;
    const token = givenToken ?? (isOurs ? readToken(paths) : null);
    return { url: given, token, pid: isOurs ? endpoint.pid : null };
  }
  if (endpoint === null) throw new MusterError("hub_unreachable", `No hub runs with the home ${paths.home}.`);
  if (!isAlive(endpoint.pid)) {
    throw new MusterError(
      "hub_unreachable",
      `The hub of ${paths.home} is gone: its process ${endpoint.pid} ended without saying so.`,
    );
  }
  return { url: endpoint.url, token: givenToken ?? readToken(paths), pid: endpoint.pid };
}

export interface Hub extends MusterClient {
  readonly address: HubAddress;
}

export function connect(context: Context): Hub {
  const address = findHub(context);
  return {
    ...createClient({
      baseUrl: address.url,
      ...(address.token === null ? {} : { token: address.token }),
    }),
    address,
  };
}
