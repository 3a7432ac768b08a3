// The words and colours of states, the same in every command.
import type {
  ApprovalRow,
  Invite,
  MembershipState,
  NodeHealth,
  NodeInNoSession,
  NodeSummary,
  SessionState,
  ThreadSummary,
  TurnRow,
} from "@muster/contracts";
import type { Paint, TextFormat } from "../shell.ts";
import { oneLine } from "./text.ts";

const TURN_FORMAT: Readonly<Record<TurnRow["status"], TextFormat>> = {
  queued: "dim",
  running: "cyan",
  completed: "green",
  interrupted: "yellow",
  error: "red",
};

export const turnStatus = (status: TurnRow["status"], paint: Paint): string => paint(TURN_FORMAT[status], status);

const HEALTH_FORMAT: Readonly<Record<NodeHealth, TextFormat>> = { online: "green", degraded: "yellow", offline: "red" };

export const nodeHealth = (health: NodeHealth, paint: Paint): string => paint(HEALTH_FORMAT[health], health);

/** Why a slot ended, for people; what a person wrote stays as it is. The hub's own words for "nobody said why" are left out. */
const ENDINGS: Readonly<Record<string, string>> = { lease_expired: "away for too long", detached: "", revoked: "" };

/** May it work here: the slot, and what keeps it from working although it has one. */
export function nodeSlot(node: NodeSummary, paint: Paint): string {
  const said = oneLine(node.detachReason ?? "");
  const reason = ENDINGS[said] ?? said;
  const ended = (word: string): string => (reason === "" ? word : `${word}: ${reason}`);
  if (node.state === "revoked") return paint("red", ended("revoked"));
  if (node.state === "offline") return paint("dim", ended("detached"));
  const marks = [...(node.suspended ? ["suspended"] : []), ...(node.readOnly ? ["read only"] : [])];
  return marks.length === 0 ? node.state : paint("yellow", marks.join(", "));
}

/** Of a machine of one's own that no roster shows. */
export const noSlot = ({ isElsewhere }: NodeInNoSession, paint: Paint): string =>
  isElsewhere ? paint("yellow", "in a session without you") : paint("dim", "in no session");

const INVITE_FORMAT: Readonly<Record<Invite["state"], TextFormat>> = {
  pending: "green",
  redeemed: "dim",
  revoked: "yellow",
  expired: "dim",
};

export const inviteState = (state: Invite["state"], paint: Paint): string => paint(INVITE_FORMAT[state], state);

const MEMBER_FORMAT: Readonly<Record<MembershipState, TextFormat>> = {
  active: "green",
  pending: "cyan",
  suspended: "yellow",
  revoked: "dim",
};

export const memberState = (state: MembershipState, paint: Paint): string => paint(MEMBER_FORMAT[state], state);

const SESSION_FORMAT: Readonly<Record<SessionState, TextFormat>> = {
  active: "green",
  archived: "yellow",
  closed: "dim",
};

export const sessionState = (state: SessionState, paint: Paint): string => paint(SESSION_FORMAT[state], state);

const APPROVAL_FORMAT: Readonly<Record<ApprovalRow["status"], TextFormat>> = {
  pending: "yellow",
  resolved: "green",
  expired: "dim",
};

export const approvalStatus = (status: ApprovalRow["status"], paint: Paint): string =>
  paint(APPROVAL_FORMAT[status], status);

/** What a thread is doing, in the words that matter most first. */
export function threadState(thread: ThreadSummary, paint: Paint): string {
  if (thread.pendingApprovalCount > 0) return paint("yellow", "asks you");
  if (thread.latestTurn === null) return paint("dim", "new");
  return turnStatus(thread.latestTurn.status, paint);
}

const REASONS: Readonly<Record<string, string>> = {
  interrupted: "a person interrupted it",
  node_restarted: "the daemon was restarted",
  node_stopped: "the daemon was stopped",
  node_lost: "the machine was away for too long, or shut out",
  node_offline: "the machine is offline",
  session_stopped: "the agent was stopped",
  agent_died: "the agent's process ended",
  agent_login_required: "the agent asks for a login of its own",
  agent_not_found: "the agent is not installed on that machine",
};

/** Why a turn ended, for people. */
export const turnReason = (reason: string): string => REASONS[reason] ?? reason.replaceAll("_", " ");
