// Which hub a command talks to, and with what. A token in the home belongs to the hub that it is of and is sent to
// no other address.
import { createClient, type MusterClient } from "@muster/client";
import { MusterError } from "@muster/contracts";
import type { Context } from "./context.ts";
import { refusal } from "./errors.ts";
import { explain } from "./explain.ts";
import { type Endpoint, isAlive, readEndpoint, readToken } from "./home.ts";
import { type JoinedHub, readJoined } from "./join/joined.ts";

export interface HubAddress {
  readonly url: string;
  readonly token: string | null;
  /** Where the token is from: an option, a variable, or the file that should hold it; null where there is no such place. */
  readonly tokenPlace: string | null;
  /** Process of the hub, when this home holds it. */
  readonly pid: number | null;
  /** This machine's id there, when this home is one of the hub's machines. */
  readonly nodeId: string | null;
  /** Whose hub it is: this home's own, the one this machine has joined, or one that was only named. */
  readonly place: "here" | "joined" | "given";
}

/** `--url`, else MUSTER_URL, else the hub of this home, else the one that this machine has joined. Throws `hub_unreachable`. */
export function findHub(context: Context): HubAddress {
  const { shell, options } = context;
  const given = options.url ?? (shell.env["MUSTER_URL"] || undefined);
  const givenToken = checkToken(options.token ?? (shell.env["MUSTER_TOKEN"] || undefined));
  const withToken = (address: HubAddress): HubAddress =>
    givenToken === undefined
      ? address
      : { ...address, token: givenToken, tokenPlace: options.token === undefined ? "MUSTER_TOKEN" : "--token" };
  if (given === undefined) return withToken(ownHub(context));
  const origin = checkAddress(given);
  const known = knownHubs(context).find(({ url }) => new URL(url).origin === origin) ?? STRANGER;
  return withToken({ ...known, url: given });
}

const STRANGER = { token: null, tokenPlace: null, pid: null, nodeId: null, place: "given" } as const;

/** The hubs whose tokens are in this home. */
function knownHubs({ paths }: Context): HubAddress[] {
  const endpoint = readEndpoint(paths);
  const joined = readJoined(paths);
  const ownAddress = ({ url, pid, nodeId }: Endpoint): HubAddress => ({
    url,
    token: readToken(paths.token),
    tokenPlace: paths.token,
    place: "here",
    pid,
    nodeId: nodeId ?? null,
  });
  const joinedAddress = ({ hubUrl: url, nodeId }: JoinedHub): HubAddress => ({
    url,
    token: readToken(paths.joinedToken),
    tokenPlace: paths.joinedToken,
    place: "joined",
    pid: null,
    nodeId,
  });
  return [...(endpoint === null ? [] : [ownAddress(endpoint)]), ...(joined === null ? [] : [joinedAddress(joined)])];
}

function ownHub(context: Context): HubAddress {
  const { paths } = context;
  const [own] = knownHubs(context);
  if (own === undefined) throw new MusterError("hub_unreachable", `No hub runs with the home ${paths.home}.`);
  if (own.pid !== null && !isAlive(own.pid)) {
    throw new MusterError(
      "hub_unreachable",
      `The hub of ${paths.home} is gone: its process ${own.pid} ended without saying so.`,
    );
  }
  return own;
}

/** Its origin. */
function checkAddress(given: string): string {
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new MusterError(
      "validation_failed",
      `"${given}" is no address of a hub: give one like http://127.0.0.1:7600.`,
    );
  }
  const { username, password, origin } = new URL(given);
  if (username !== "" || password !== "")
    throw refusal(
      "validation_failed",
      "The address of a hub holds no user name and no password.",
      "Leave them out, and give a token with MUSTER_TOKEN.",
    );
  return origin;
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
      explain: (error) => explain(error, address),
      ...(address.token === null ? {} : { token: address.token }),
    }),
    address,
  };
}
