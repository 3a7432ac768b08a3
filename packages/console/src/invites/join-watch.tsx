// Watches what becomes of an invite while its link is shown, and says the moment that somebody joined with it.
import { Loader } from "@mantine/core";
import type { Invite, NodeSummary } from "@muster/contracts";
import { IconCircleCheck, IconInfoCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { type Joining, joiningOf, machinesIn } from "../fleet/joining.ts";
import { askedEvery } from "../shared/administration.ts";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { nodeName } from "../threads/thread-choices.ts";
import classes from "./join-watch.module.css";

const look = askedEvery(1_500);
const NONE: readonly NodeSummary[] = [];

export function JoinWatch({ invite: made, isMachineWanted }: { invite: Invite; isMachineWanted: boolean }) {
  const { client, feed } = useMuster();
  const nodes = useNodes() ?? NONE;
  const { inviteId, sessionId } = made;
  const [before] = useState(() => machinesIn(nodes, sessionId));
  const { data: invite = null, refetch } = useQuery({
    queryKey: [ADMINISTRATION, "invite", inviteId],
    queryFn: async ({ signal }) => {
      const { invites } = await client.api.invites.list({ sessionId }, { signal });
      const found = invites.find((candidate) => candidate.inviteId === inviteId) ?? null;
      // The machine that came along is known before its invite is said to be used.
      if (found?.state === "redeemed") await feed.reloadNodes();
      return found;
    },
    // What was used, or has ended, stays so.
    refetchInterval: (query) => ((query.state.data?.state ?? "pending") === "pending" ? look(query) : false),
  });
  const joining = joiningOf(invite, nodes, before);
  // A machine that is new tells of itself by the feed, before the next look at the invite.
  const isPossiblyThere = nodes.some((node) => node.sessionId === sessionId && !before.has(node.nodeId));
  useEffect(() => {
    if (isPossiblyThere) void refetch();
  }, [isPossiblyThere, refetch]);
  return (
    <output className={classes["watch"]} data-step={joining.step} data-testid="join-watch" aria-live="polite">
      {joining.step === "waiting" ? (
        <Loader size={16} aria-hidden="true" />
      ) : joining.step === "joined" || (joining.step === "used" && !isMachineWanted) ? (
        <IconCircleCheck size={19} aria-hidden="true" />
      ) : (
        <IconInfoCircle size={19} aria-hidden="true" />
      )}
      <span>{textOf(joining, isMachineWanted)}</span>
    </output>
  );
}

function textOf(joining: Joining, isMachineWanted: boolean): string {
  switch (joining.step) {
    case "waiting":
      return isMachineWanted ? "Waiting for the machine…" : "Nobody has used the link yet.";
    case "joined":
      return `${nodeName(joining.node)} has joined.`;
    case "used":
      return isMachineWanted
        ? "The link was used in a browser, without a machine. Make another one for the machine."
        : "The link was used: they have joined.";
    case "ended":
      return joining.state === "revoked" ? "The link was revoked." : "The link has expired.";
  }
}
