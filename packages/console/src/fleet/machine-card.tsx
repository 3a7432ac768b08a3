// One machine: its two facts, what keeps it from work, and on wish everything it told of itself.
import { Tooltip } from "@mantine/core";
import type { NodeSummary, SessionSummary } from "@muster/contracts";
import {
  IconBan,
  IconChevronRight,
  IconLock,
  IconPlugConnectedX,
  IconServer2,
  IconServerOff,
} from "@tabler/icons-react";
import { type KeyboardEvent, memo } from "react";
import row from "../shared/facts.module.css";
import { RelativeTime } from "../shared/time.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import { Agents } from "./agents.tsx";
import { MachineActions } from "./machine-actions.tsx";
import classes from "./machine-card.module.css";
import { LIVENESS, type Mark, type MarkKind, marksOf, SLOT } from "./standing.ts";

/** The others are kept from work by a lock. */
const ICONS: Readonly<Partial<Record<MarkKind, typeof IconLock>>> = {
  revoked: IconBan,
  detached: IconPlugConnectedX,
  offline: IconServerOff,
};

export interface MachineCardProps {
  readonly node: NodeSummary;
  readonly session: SessionSummary | undefined;
  readonly isOpen: boolean;
  readonly onToggle: (node: NodeSummary) => void;
  readonly onKeyDown: (event: KeyboardEvent, node: NodeSummary) => void;
}

export const MachineCard = memo(function MachineCard({ node, session, isOpen, onToggle, onKeyDown }: MachineCardProps) {
  const { capabilities, health, state } = node;
  return (
    <article
      className={classes["card"]}
      aria-label={nodeName(node)}
      data-testid="machine-row"
      data-health={health}
      data-state={state}
      data-node-id={node.nodeId}
    >
      <div className={classes["top"]}>
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
            <span>Muster {node.clientVersion}</span>
            <span>
              {node.lastHeartbeatAt === null ? (
                "no heartbeat yet"
              ) : (
                <>
                  last heartbeat <RelativeTime at={node.lastHeartbeatAt} everyMs={1_000} />
                </>
              )}
            </span>
          </p>
        </div>
        <Standing node={node} />
        <MachineActions node={node} />
      </div>
      {marksOf(node, session).map((mark) => (
        <MarkLine key={mark.kind} mark={mark} />
      ))}
      <Agents providers={capabilities.providers ?? []} isOpen={isOpen} canWork={state !== "revoked"} />
      {isOpen && (
        <p className={classes["id"]}>
          Known to the hub as <span className="mono">{node.nodeId}</span>
        </p>
      )}
    </article>
  );
});

function Standing({ node: { state, health } }: { node: NodeSummary }) {
  return (
    <div className={classes["standing"]}>
      <Tooltip label={SLOT[state].detail} multiline maw={260}>
        <span className={classes["slot"]} data-state={state} data-testid="machine-slot">
          <span className="visually-hidden">Slot: </span>
          {SLOT[state].text}
        </span>
      </Tooltip>
      <Tooltip label={LIVENESS[health].detail} multiline maw={260}>
        <span className={classes["health"]} data-health={health} data-testid="machine-health">
          <span className={classes["dot"]} aria-hidden="true" />
          <span className="visually-hidden">Liveness: </span>
          {LIVENESS[health].text}
        </span>
      </Tooltip>
    </div>
  );
}

function MarkLine({ mark: { kind, label, reason, remedy, at } }: { mark: Mark }) {
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
