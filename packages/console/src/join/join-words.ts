// What is said when an invite lets nobody in. Pure.
import type { ErrorCode, MusterError } from "@muster/contracts";

export interface Refusal {
  readonly title: string;
  readonly text: string;
  /** The same link may work later. */
  readonly isWorthAnotherTry: boolean;
}

const ASK = "Ask the one who sent it to you for a new one.";

const WORDS: Readonly<Partial<Record<ErrorCode, Refusal>>> = {
  invite_used: {
    title: "This invite was used already",
    text: `An invite lets in one person or machine, once. If it was not you, tell the one who sent it. ${ASK}`,
    isWorthAnotherTry: false,
  },
  invite_expired: { title: "This invite has expired", text: ASK, isWorthAnotherTry: false },
  invite_revoked: {
    title: "This invite was taken back",
    text: `Whoever made it revoked it. ${ASK}`,
    isWorthAnotherTry: false,
  },
  invite_invalid: {
    title: "This is no invite of this hub",
    text: "Part of the link may be missing: copy the whole of it and open it again.",
    isWorthAnotherTry: false,
  },
  validation_failed: {
    title: "This link is not whole",
    text: "Copy the whole link and open it again.",
    isWorthAnotherTry: false,
  },
  "resource.limit_exceeded": {
    title: "The session is full",
    text: "It has as many members as it can have. An owner can remove some; your invite stays good.",
    isWorthAnotherTry: true,
  },
};

export function refusalOf({ code, message, details, row }: MusterError): Refusal {
  if (code === "rate_limited") {
    const seconds = Number(details?.["retryAfterSeconds"]);
    const wait = Number.isFinite(seconds) && seconds > 0 ? `${Math.ceil(seconds)} seconds` : "a minute";
    return {
      title: "Too many tries from your address",
      text: `Wait ${wait}, then try again. Your invite stays good.`,
      isWorthAnotherTry: true,
    };
  }
  return WORDS[code] ?? { title: message, text: row.hint, isWorthAnotherTry: row.retryable };
}
