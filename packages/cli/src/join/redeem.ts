// Trading an invite for a place: the machine's key is enrolled and its owner gets a token, once. What is said there and
// nowhere again, the token, is on disk before anybody is told of a success.
import { createClient, type MusterApi } from "@muster/client";
import { MusterError } from "@muster/contracts";
import { type PreparedDaemon, writeFileAtomically } from "@muster/daemon";
import { refusal } from "../errors.ts";
import type { HomePaths } from "../home.ts";
import type { JoinedHub } from "./joined.ts";
import type { JoinLink } from "./link.ts";

export interface RedeemOptions {
  readonly paths: HomePaths;
  readonly link: JoinLink;
  readonly prepared: PreparedDaemon;
  /** What others in the session know the machine's owner by. */
  readonly displayName: string;
  readonly workspaceRoots: readonly string[];
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Joins, and writes down what came of it. Throws what the hub refuses the invite with; `hub_unreachable` where it does not
 * answer; `home_unwritable` where its answer could not be kept.
 */
export async function redeemInvite(options: RedeemOptions): Promise<JoinedHub> {
  const { paths, link, prepared, workspaceRoots, now } = options;
  const { api } = createClient({ baseUrl: link.hubUrl });
  await mustServe(api, link);
  const { token, spaceId, sessionId, sessionTitle } = await redeem(api, options);
  if (token === null) throw new MusterError("internal_error", "The hub took the invite and gave no token for it.");
  const joined: JoinedHub = {
    hubUrl: link.hubUrl,
    spaceId,
    sessionId,
    sessionTitle,
    nodeId: prepared.nodeId,
    workspaceRoots: [...workspaceRoots],
    joinedAt: new Date(now).toISOString(),
  };
  try {
    // The token first: a home counts as joined by the other file, so it never counts as joined without its token.
    writeFileAtomically(paths.joinedToken, `${token}\n`);
    writeFileAtomically(paths.joined, `${JSON.stringify(joined, null, 2)}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MusterError(
      "home_unwritable",
      `The hub let this machine in, but what it gave could not be kept in ${paths.daemon}: ${reason}.`,
      {
        advice: `The invite is spent: mend the folder, have an owner remove the member "${options.displayName}", and join with a new invite.`,
      },
      { cause: error },
    );
  }
  return joined;
}

/** Asked before the invite is spent. */
async function mustServe(api: MusterApi, { hubUrl }: JoinLink): Promise<void> {
  try {
    await api.health();
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== "hub_unreachable") throw error;
    throw new MusterError(
      "hub_unreachable",
      `No hub answers at ${hubUrl}, so the invite is not used up.`,
      {
        advice:
          "Look whether the hub runs and whether this machine can reach it; a hub for other machines is started with `muster up --host` or `--public-url`.",
      },
      { cause: error },
    );
  }
}

async function redeem(api: MusterApi, options: RedeemOptions) {
  const { paths, link, prepared, displayName, workspaceRoots, version } = options;
  try {
    return await api.invites.redeem({
      token: link.token,
      displayName,
      node: {
        nodeId: prepared.nodeId,
        publicKey: prepared.publicKey,
        signature: prepared.proveJoin(link.token),
        clientVersion: version,
        capabilities: prepared.describe({ workspaceRoots }),
      },
    });
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    if (error.code === "hub_unreachable" || error.code === "unavailable")
      throw new MusterError(
        "outcome_unknown",
        "The hub's answer did not arrive, so nobody knows whether the invite is used up.",
        { advice: "Try the same line again; where the invite was used, ask for a new one: `muster invite`." },
        { cause: error },
      );
    if (error.code === "runtimenode.permission_denied")
      throw refusal(
        error.code,
        "The hub knows this machine already, as another's; the invite is not used up.",
        `Let an owner remove who joined with it before, or move ${paths.daemon} away to join as a new machine.`,
      );
    throw error;
  }
}
