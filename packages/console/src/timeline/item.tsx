// One row of the timeline.
import { memo } from "react";
import { DiffCard } from "../diff/diff-card.tsx";
import type { TimelineActions } from "./actions.ts";
import { ApprovalRecord } from "./approval-record.tsx";
import type { TimelineItem } from "./items.ts";
import { AssistantMessage, UserMessage } from "./messages.tsx";
import { Notice } from "./notice.tsx";
import { PlanCard } from "./plan-card.tsx";
import { ToolCard } from "./tool-card.tsx";
import { TurnStatus } from "./turn-status.tsx";

interface ItemProps {
  readonly item: TimelineItem;
  readonly actions: TimelineActions;
}

export const Item = memo(function Item({ item, actions }: ItemProps) {
  switch (item.kind) {
    case "user":
      return <UserMessage message={item.message} />;
    case "assistant":
      return <AssistantMessage message={item.message} />;
    case "tools":
      return <ToolCard calls={item.calls} />;
    case "plan":
      return <PlanCard entries={item.entries} />;
    case "approval":
      return <ApprovalRecord approval={item.approval} />;
    case "notice":
      return <Notice tone={item.tone} text={item.text} />;
    case "diff":
      return <DiffCard checkpoint={item.checkpoint} actions={actions} />;
    case "status":
      return (
        <TurnStatus
          turn={item.turn}
          detail={item.detail}
          usage={item.usage}
          onContinue={item.canContinue ? actions.continueTurn : null}
        />
      );
  }
});
