// How a machine stands, in words. Two facts that are never mixed: its slot (may it work in the session) and its liveness
// (is it alive); beside them marks, which say what keeps it from work and what to do about it. Pure.
import type { NodeHealth, NodeInNoSession, NodeState, NodeSummary, SessionSummary } from "@muster/contracts";
import { may } from "../sessions/may.ts";

export interface Fact {
  readonly text: string;
  readonly detail: string;
}

export const SLOT: Readonly<Record<NodeState, Fact>> = {
  registering: { text: "Joining", detail: "It is taking its slot in this session." },
  online: { text: "Attached", detail: "It has a slot in this session and may work here." },
  degraded: {
    text: "Attached, in trouble",
    detail: "It may work here, and says itself that something is wrong with it.",
  },
  offline: { text: "Detached", detail: "It has no slot in this session: nothing is given to it." },
  revoked: { text: "Revoked", detail: "It is shut out of this session for good." },
};

export const LIVENESS: Readonly<Record<NodeHealth, Fact>> = {
  online: { text: "Online", detail: "Its heartbeats arrive." },
  degraded: { text: "Not answering well", detail: "Its last heartbeat is late, or its connection broke." },
  offline: { text: "Offline", detail: "Nothing was heard of it for a minute or more." },
};

export type MarkKind = "viewer" | "archived" | "revoked" | "detached" | "suspended" | "read-only" | "offline";

export interface Mark {
  readonly kind: MarkKind;
  /** Two words. */
  readonly label: string;
  readonly reason: string;
  readonly remedy: string;
  /** Since when, where that is known. */
  readonly at: string | null;
  /** False: turns that are asked for wait, and run when it is over. */
  readonly blocksTurns: boolean;
  /** True: nothing at all can be asked for, not even an answer or a way back. */
  readonly blocksAll?: boolean;
}

type Node = Pick<
  NodeSummary,
  "state" | "health" | "readOnly" | "suspended" | "clientVersion" | "ownerName" | "detachedAt" | "detachReason"
>;
type Session = Pick<SessionSummary, "state" | "minClientVersion"> & Partial<Pick<SessionSummary, "role">>;

/** What keeps the machine from work, the worst first. */
export function marksOf(node: Node, session: Session | undefined): Mark[] {
  if (node.state === "revoked") return [revoked(node)];
  if (node.state === "offline") return [detached(node)];
  return [
    ...(node.suspended ? [suspended(node, session)] : []),
    ...(node.readOnly ? [readOnly(node, session)] : []),
    ...(node.health === "offline" ? [OFFLINE] : []),
  ];
}

/** What the one who looks is told before they ask for a turn; null when it would begin at once. */
export function markOf(node: Node | undefined, session: Session | undefined): Mark | null {
  if (session?.role !== undefined && !may("orchestration.dispatchCommand", session.role)) return VIEWER;
  if (session?.state === "archived") return ARCHIVED;
  return node === undefined ? null : (marksOf(node, session)[0] ?? null);
}

/** Why a turn that is asked for now would be refused or come to nothing; null when it would run or wait. */
export function obstacleOf(node: Node | undefined, session: Session | undefined): Mark | null {
  const mark = markOf(node, session);
  return mark?.blocksTurns === true ? mark : null;
}

const VIEWER: Mark = {
  kind: "viewer",
  label: "You may only look",
  reason: "You are a viewer of this session.",
  remedy: "An owner can give you another role.",
  at: null,
  blocksTurns: true,
  blocksAll: true,
};

const ARCHIVED: Mark = {
  kind: "archived",
  label: "Session archived",
  reason: "The session is archived: everything can be read, and nothing begins.",
  remedy: "An owner of the session can reopen it.",
  at: null,
  blocksTurns: true,
  blocksAll: true,
};

const OFFLINE: Mark = {
  kind: "offline",
  label: "Offline",
  reason: "Turns asked for on this machine wait until it is back.",
  remedy: "Start Muster there again.",
  at: null,
  blocksTurns: false,
};

const revoked = ({ detachedAt, detachReason }: Node): Mark => ({
  kind: "revoked",
  label: "Revoked",
  reason: `An owner shut this machine out of the session${because(detachReason)}.`,
  remedy: "It can't come back. Another machine may join by a new invite.",
  at: detachedAt,
  blocksTurns: true,
  blocksAll: true,
});

function detached({ detachedAt, detachReason }: Node): Mark {
  const isReleased = detachReason === "lease_expired";
  return {
    kind: "detached",
    label: "Detached",
    reason: isReleased
      ? "It was offline for longer than its lease, so its slot was given back."
      : `It gave its slot back${because(detachReason)}.`,
    remedy: isReleased ? "It attaches again by itself when Muster is started there." : "Its owner can attach it again.",
    at: detachedAt,
    blocksTurns: true,
    blocksAll: true,
  };
}

/** Of a machine of one's own that no session has; `hasHome`: there is one that it may be attached to. */
export const inNoSession = ({ isElsewhere }: Pick<NodeInNoSession, "isElsewhere">, hasHome: boolean): Mark => ({
  kind: "detached",
  label: isElsewhere ? "In a session without you" : "In no session",
  reason: isElsewhere
    ? "It has a slot in a session that you are not in any more."
    : "It has no slot in a session of yours: nothing is given to it.",
  remedy: isElsewhere
    ? "Detach it there, and you can attach it elsewhere."
    : hasHome
      ? "Attach it to one."
      : "You may bring machines to no session now; an owner of one can change that.",
  at: null,
  blocksTurns: true,
  blocksAll: true,
});

const suspended = ({ ownerName }: Node, session: Session | undefined): Mark => ({
  kind: "suspended",
  label: "Suspended",
  reason:
    session !== undefined && session.state !== "active"
      ? "The session is archived: nothing begins in it."
      : `Its owner, ${ownerName}, may not let machines work in this session now.`,
  remedy:
    session !== undefined && session.state !== "active"
      ? "An owner of the session can reopen it."
      : "An owner of the session can restore the membership or give it a role that contributes machines.",
  at: null,
  blocksTurns: true,
});

function readOnly({ clientVersion }: Node, session: Session | undefined): Mark {
  const floor = session?.minClientVersion ?? null;
  return {
    kind: "read-only",
    label: "Read only",
    reason: `Its Muster ${clientVersion} is below ${floor === null ? "the version floor" : `${floor}, the version floor`} of this session: it finishes what it runs, and no new turn is given to it.`,
    remedy: "Upgrade Muster there and start it again.",
    at: null,
    blocksTurns: true,
  };
}

/** Reasons that programs give are codes; what a person wrote is told as it is. */
const because = (reason: string | null): string =>
  reason === null || /^[a-z]+(_[a-z]+)+$/.test(reason) ? "" : `: ${reason}`;
