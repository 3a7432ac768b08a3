// A question of the agent in the timeline: that it waits, or what was answered. It is answered above the composer.
import type { ApprovalDecision, ApprovalRow } from "@muster/contracts";
import { IconClockQuestion, IconHelpCircleFilled, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import classes from "./approval-record.module.css";

const DECISION_TEXT: Readonly<Record<ApprovalDecision, string>> = {
  accept: "Allowed",
  acceptForSession: "Allowed for this session",
  decline: "Declined",
  cancel: "Declined, and the turn was cancelled",
};

export function ApprovalRecord({ approval }: { approval: ApprovalRow }) {
  const { text, tone, Icon } = look(approval);
  return (
    <p className={classes["record"]} data-tone={tone} data-testid="approval-record">
      <Icon size={16} aria-hidden="true" />
      <span className={classes["text"]}>{text}</span>
      <span className={classes["title"]}>{approval.payload.title}</span>
    </p>
  );
}

function look({ status, decision }: ApprovalRow): { text: string; tone: string; Icon: typeof IconShieldCheck } {
  if (status === "pending") return { text: "Waits for your answer", tone: "waiting", Icon: IconHelpCircleFilled };
  if (status === "expired" || decision === null) return { text: "Expired", tone: "gone", Icon: IconClockQuestion };
  const isAllowed = decision === "accept" || decision === "acceptForSession";
  return {
    text: DECISION_TEXT[decision],
    tone: isAllowed ? "allowed" : "declined",
    Icon: isAllowed ? IconShieldCheck : IconShieldX,
  };
}
