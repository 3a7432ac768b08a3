// Tokens as people read them. Pure.
import type { TokenScope, TokenSummary } from "@muster/contracts";

export const SCOPES: readonly TokenScope[] = ["read", "write", "full"];

export const SCOPE_TEXT: Readonly<Record<TokenScope, string>> = {
  read: "Reads",
  write: "Reads and works",
  full: "Everything you may",
};

export const SCOPE_HINT: Readonly<Record<TokenScope, string>> = {
  read: "Threads, messages, diffs and machines, and nothing else.",
  write: "Also starts turns and answers approvals.",
  full: "Also invites, roles, machines and tokens, as far as your roles go.",
};

/** Null: for ever. */
export const TOKEN_EXPIRIES: readonly { readonly days: number | null; readonly label: string }[] = [
  { days: 7, label: "In a week" },
  { days: 30, label: "In 30 days" },
  { days: 90, label: "In 90 days" },
  { days: 365, label: "In a year" },
  { days: null, label: "Never" },
];

/** It would be taken now. */
export const isGood = ({ revokedAt, expiresAt }: Pick<TokenSummary, "revokedAt" | "expiresAt">, now: number): boolean =>
  revokedAt === null && (expiresAt === null || new Date(expiresAt).getTime() > now);
