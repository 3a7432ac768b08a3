// Tokens of the API and browser logins, and the record of administrative acts.
import { z } from "zod";
import { TokenScope } from "./access.ts";
import { PrincipalId } from "./ids.ts";
import { procedure, queryFlag, queryInteger } from "./procedure.ts";
import { namingText } from "./text.ts";

export const TOKEN_LABEL_MAX_CHARACTERS = 100;
export const TOKEN_DAYS_MAX = 3_650;
/** That are good, of one principal. */
export const TOKENS_MAX = 100;
export const AUDIT_PAGE_MAX = 200;

export const TokenSummary = z.object({
  /** The beginning of its hash: names the token and is worth nothing. */
  tokenId: z.string(),
  principalId: PrincipalId,
  displayName: z.string(),
  kind: z.enum(["api", "browser"]),
  /** A browser's login is good for all that its principal may. */
  scope: TokenScope,
  label: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  /** To the hour or so. */
  lastUsedAt: z.string().nullable(),
  /** It is the one that came with this request. */
  isCurrent: z.boolean(),
});
export type TokenSummary = z.infer<typeof TokenSummary>;

export const AuditEntry = z.object({
  auditId: z.string(),
  at: z.string(),
  actorId: PrincipalId,
  actorName: z.string().nullable(),
  action: z.string(),
  subject: z.string(),
  details: z.record(z.string(), z.string()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const tokenProcedures = {
  /** The caller's own; an owner of the default session sees those of the whole space with `all`. */
  list: procedure("tokens.list")
    .route({ method: "GET", path: "/tokens", summary: "Tokens and logins, without the secrets", tags: ["tokens"] })
    .input(z.strictObject({ all: queryFlag.default(false) }))
    .output(z.object({ tokens: z.array(TokenSummary) })),
  /**
   * The secret is told here and never again. It does not outlive the token that it is made with, unless that is a browser's
   * login. Throws `resource.limit_exceeded`.
   */
  create: procedure("tokens.create")
    .route({ method: "POST", path: "/tokens", summary: "Make a token of one's own", tags: ["tokens"] })
    .input(
      z.strictObject({
        label: namingText
          .max(TOKEN_LABEL_MAX_CHARACTERS)
          .refine((value) => value.trim() !== "", "a label is not blank"),
        scope: TokenScope.default("full"),
        expiresInDays: z.int().min(1).max(TOKEN_DAYS_MAX).nullable().default(90),
      }),
    )
    .output(z.object({ token: TokenSummary, secret: z.string() })),
  /** Throws `token_not_found`, also for another's unless the caller owns the default session. Again is no error. */
  revoke: procedure("tokens.revoke")
    .route({
      method: "POST",
      path: "/tokens/{tokenId}/revoke",
      summary: "Make a token worthless at once",
      tags: ["tokens"],
    })
    .input(z.strictObject({ tokenId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) }))
    .output(TokenSummary),
};

export const auditProcedures = {
  list: procedure("audit.list")
    .route({ method: "GET", path: "/audit", summary: "Administrative acts, newest first", tags: ["audit"] })
    .input(
      z.strictObject({
        /** An `auditId`: older ones. */
        before: z
          .string()
          .regex(/^[A-Za-z0-9_-]{1,64}$/)
          .optional(),
        limit: queryInteger(z.int().min(1).max(AUDIT_PAGE_MAX)).default(50),
      }),
    )
    .output(z.object({ entries: z.array(AuditEntry) })),
};
