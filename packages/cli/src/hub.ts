// Which hub a command talks to, and with what. The token in the home belongs to the hub that wrote it and is sent to
// no other address.
import { createClient, type MusterClient } from "@muster/client";
import { MusterError } from "@muster/contracts";
import type { Context } from "./context.ts";
import { refusal } from "./errors.ts";
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
  const givenToken = checkToken(options.token ?? (shell.env["MUSTER_TOKEN"] || undefined));
  if (given !== undefined) {
    if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
      throw new MusterError(
        "validation_failed",
        `"${given}" is no address of a hub: give one like http://127.0.0.1:7600.`,
      );
    }
    const { username, password } = new URL(given);
    if (username !== "" || password !== "")
      throw refusal(
        "validation_failed",
        "The address of a hub holds no user name and no password.",
        "Leave them out, and give a token with MUSTER_TOKEN.",
      );
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

/** What no header can carry is no token; said here, because a request with it would fail as if the hub were away. */
function checkToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw refusal(
    "validation_failed",
    "The token is empty, or holds characters that no token has.",
    "Give it as it was printed, without spaces and line breaks.",
  );
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
