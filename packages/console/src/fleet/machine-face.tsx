// What every machine's card has, whether it has a slot or not: its name, which opens the card, what it tells of itself,
// whether it is alive, and what keeps it from work.
import { Tooltip } from "@mantine/core";
import type { NodeHealth } from "@muster/contracts";
import {
  IconBan,
  IconChevronRight,
  IconLock,
  IconPlugConnectedX,
  IconServer2,
  IconServerOff,
} from "@tabler/icons-react";
import type { KeyboardEvent } from "react";
import row from "../shared/facts.module.css";
import { RelativeTime } from "../shared/time.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import classes from "./machine-card.module.css";
import type { Machine } from "./machines.ts";
import { LIVENESS, type Mark, type MarkKind } from "./standing.ts";

/** The others are kept from work by a lock. */
const ICONS: Readonly<Partial<Record<MarkKind, typeof IconLock>>> = {
  revoked: IconBan,
  detached: IconPlugConnectedX,
  offline: IconServerOff,
};

export interface FaceProps {
  readonly isOpen: boolean;
  readonly onToggle: (node: Machine) => void;
  readonly onKeyDown: (event: KeyboardEvent, node: Machine) => void;
}

export function MachineFace({ node, isOpen, onToggle, onKeyDown }: FaceProps & { readonly node: Machine }) {
  const { capabilities, clientVersion, lastHeartbeatAt } = node;
  return (
    <>
      <IconServer2 size={22} stroke={1.5} aria-hidden="true" className={classes["icon"]} />
      <div className={classes["name"]}>
        <h3 className={classes["title"]}>
          <button
            type="button"
            className={classes["toggle"]}
            aria-expanded={isOpen}
            onClick={() => onToggle(node)}
            onKeyDown={(event) => onKeyDown(event, node)}
            data-machine-toggle
          >
            {nodeName(node)}
            <IconChevronRight size={15} aria-hidden="true" />
          </button>
        </h3>
        <p className={`${row["facts"]} ${classes["facts"]}`}>
          <span>{node.ownerName}</span>
          {capabilities.platform !== undefined && <span>{capabilities.platform}</span>}
          <span>{clientVersion === null ? "version unknown" : `Muster ${clientVersion}`}</span>
          <span>
            {lastHeartbeatAt === null ? (
              "no heartbeat yet"
            ) : (
              <>
                last heartbeat <RelativeTime at={lastHeartbeatAt} everyMs={1_000} />
              </>
            )}
          </span>
        </p>
      </div>
    </>
  );
}

export function Liveness({ health }: { readonly health: NodeHealth }) {
  return (
    <Tooltip label={LIVENESS[health].detail} multiline maw={260}>
      <span className={classes["health"]} data-health={health} data-testid="machine-health">
        <span className={classes["dot"]} aria-hidden="true" />
        <span className="visually-hidden">Liveness: </span>
        {LIVENESS[health].text}
      </span>
    </Tooltip>
  );
}

export function MarkLine({ mark: { kind, label, reason, remedy, at } }: { readonly mark: Mark }) {
  const Icon = ICONS[kind] ?? IconLock;
  return (
    <p className={classes["mark"]} data-kind={kind} data-testid="machine-mark">
      <Icon size={15} aria-hidden="true" />
      <span>
        <strong>{label}</strong>
        {at !== null && (
          <>
            {" "}
            <RelativeTime at={at} />
          </>
        )}
        . {reason} {remedy}
      </span>
    </p>
  );
}

export const KnownAs = ({ node }: { readonly node: Machine }) => (
  <p className={classes["id"]}>
    Known to the hub as <span className="mono">{node.nodeId}</span>
  </p>
);
