// Whether what is shown is live. A lost connection is said within 5 seconds, in words and not by colour alone.

import { Tooltip } from "@mantine/core";
import type { FeedState } from "@muster/client";
import { useFeedState } from "../application/muster.tsx";
import classes from "./connection-badge.module.css";

interface Look {
  readonly text: string;
  readonly tone: "good" | "busy" | "bad";
  readonly detail: string;
}

const LOOKS: Readonly<Record<FeedState["status"], Look>> = {
  connecting: { text: "Connecting…", tone: "busy", detail: "The page is connecting to the hub." },
  "catching-up": { text: "Catching up…", tone: "busy", detail: "The page reads what happened meanwhile." },
  live: { text: "Live", tone: "good", detail: "Everything shown is up to date." },
  reconnecting: {
    text: "Reconnecting…",
    tone: "bad",
    detail: "The hub does not answer. The page tries again by itself and misses nothing.",
  },
  offline: {
    text: "Offline",
    tone: "bad",
    detail: "This device has no network. The page goes on by itself once it is back.",
  },
};

export function ConnectionBadge() {
  const { status } = useFeedState();
  const { text, tone, detail } = LOOKS[status];
  return (
    <Tooltip label={detail} multiline maw={260}>
      <output
        className={classes["badge"]}
        data-tone={tone}
        data-status={status}
        data-testid="connection-state"
        aria-live="polite"
      >
        <span className={classes["dot"]} aria-hidden="true" />
        <span className={classes["text"]}>{text}</span>
      </output>
    </Tooltip>
  );
}
