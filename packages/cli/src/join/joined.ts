// What a machine that has joined a hub keeps about it, beside its daemon: which hub and session, and the token of the
// machine's owner in a file of its own. A home holds a hub or has joined one, never both.
import { existsSync, readFileSync } from "node:fs";
import { MusterError, NodeId, SessionId, SpaceId } from "@muster/contracts";
import { z } from "zod";
import { refusal } from "../errors.ts";
import type { HomePaths } from "../home.ts";

export const JoinedHub = z.object({
  /** Scheme, name and port. */
  hubUrl: z.url({ protocol: /^https?$/ }),
  spaceId: SpaceId,
  /** The session of the invite. */
  sessionId: SessionId,
  sessionTitle: z.string(),
  nodeId: NodeId,
  /** As they were said with the join; absolute paths. */
  workspaceRoots: z.array(z.string()).min(1),
  joinedAt: z.string(),
});
export type JoinedHub = z.infer<typeof JoinedHub>;

/** Null for a home that has joined no hub. Throws `database_corrupt` for a note that cannot be read. */
export function readJoined(paths: HomePaths): JoinedHub | null {
  let text: string;
  try {
    text = readFileSync(paths.joined, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return null;
    throw unreadable(paths, error);
  }
  try {
    return JoinedHub.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(paths, error);
  }
}

const unreadable = (paths: HomePaths, cause: unknown): MusterError =>
  new MusterError(
    "database_corrupt",
    `${paths.joined} should say which hub this machine has joined, and cannot be read.`,
    { advice: `Put a backup of it in its place; or move ${paths.daemon} away and join anew, as another machine.` },
    { cause },
  );

/** Throws `already_joined`. */
export function refuseJoined(paths: HomePaths): void {
  const joined = readJoined(paths);
  if (joined === null) return;
  throw refusal(
    "already_joined",
    `The home ${paths.home} belongs to a machine of the hub at ${joined.hubUrl}.`,
    "Start it with `muster daemon up`. For a hub, or another machine, of its own give --home another folder.",
  );
}

/** A daemon's journal belongs to one hub. Throws `already_joined`. */
export function refuseHubHome(paths: HomePaths): void {
  if (!existsSync(paths.hub)) return;
  throw refusal(
    "already_joined",
    `The home ${paths.home} holds a hub, and its daemon belongs to that hub.`,
    `Join with another home: \`muster --home ${paths.home}-joined join <link>\`.`,
  );
}

/** Throws `not_joined`. */
export function mustBeJoined(paths: HomePaths): JoinedHub {
  const joined = readJoined(paths);
  if (joined !== null) return joined;
  throw new MusterError("not_joined", `The home ${paths.home} has not joined a hub.`);
}
