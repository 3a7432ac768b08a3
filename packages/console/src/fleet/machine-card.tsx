// One machine in a session: its two facts, what keeps it from work, and on wish everything it told of itself.
import { Tooltip } from "@mantine/core";
import type { NodeSummary, SessionSummary } from "@muster/contracts";
import { memo } from "react";
import { nodeName } from "../threads/thread-choices.ts";
import { Agents } from "./agents.tsx";
import { MachineActions } from "./machine-actions.tsx";
import classes from "./machine-card.module.css";
import { type FaceProps, KnownAs, Liveness, MachineFace, MarkLine } from "./machine-face.tsx";
import { marksOf, SLOT } from "./standing.ts";

export interface MachineCardProps extends FaceProps {
  readonly node: NodeSummary;
  readonly session: SessionSummary | undefined;
}

export const MachineCard = memo(function MachineCard({ node, session, isOpen, onToggle, onKeyDown }: MachineCardProps) {
  const { health, state } = node;
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
        <MachineFace node={node} isOpen={isOpen} onToggle={onToggle} onKeyDown={onKeyDown} />
        <Standing node={node} />
        <MachineActions node={node} />
      </div>
      {marksOf(node, session).map((mark) => (
        <MarkLine key={mark.kind} mark={mark} />
      ))}
      <Agents providers={node.capabilities.providers ?? []} isOpen={isOpen} canWork={state !== "revoked"} />
      {isOpen && <KnownAs node={node} />}
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
      <Liveness health={health} />
    </div>
  );
}
