// Sessions and invites over a real identity and database, with the people whom a test needs, each let in by an invite.
import { generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  type JoiningNode,
  joinSigningInput,
  MusterError,
  type NodeId,
  type Role,
  type SessionId,
  type SpaceId,
} from "@muster/contracts";
import { createIds } from "@muster/core";
import { keyedReads, type Row, type Store } from "@muster/store";
import { createAudit, createTokens } from "../../identity/index.ts";
import { type Opened, openTestIdentity, random } from "../../identity/testing/opened.ts";
import { createNodes, type SweepingNodes } from "../../nodes/index.ts";
import type { Audit, Caller, Invites, Sessions, Tokens } from "../../ports.ts";
import { HUB_COLUMNS, type HubTable } from "../../schema/index.ts";
import { createInvites, createSessions } from "../index.ts";

/** Every table that sessions and invites write, except for when tokens were used last. */
const TABLES: readonly HubTable[] = [
  "principals",
  "tokens",
  "audit_log",
  "sessions",
  "session_memberships",
  "session_invites",
  "nodes",
  "runtime_node_attachments",
  "runtime_node_attachment_log",
  "runtime_node_presence",
];

export interface Machine {
  readonly nodeId: NodeId;
  readonly publicKey: string;
  /** As it comes along with an invite. */
  joining(token: string, more?: Partial<JoiningNode>): JoiningNode;
}

export const machine = (name: string): Machine => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
  const nodeId = name as NodeId;
  return {
    nodeId,
    publicKey: raw,
    joining: (token, more = {}) => ({
      nodeId,
      publicKey: raw,
      signature: sign(null, Buffer.from(joinSigningInput({ token, nodeId })), privateKey).toString("base64"),
      clientVersion: "0.1.0",
      capabilities: { hostname: name },
      ...more,
    }),
  };
};

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof MusterError ? error.code : String(error)),
  );

export class People {
  readonly opened: Opened;
  readonly sessions: Sessions;
  readonly invites: Invites;
  readonly tokens: Tokens;
  readonly audit: Audit;
  /** The person who owns the space, in a browser. */
  readonly founder: Caller;
  /** The command line. */
  readonly cli: Caller;
  readonly cliToken: string;
  readonly sessionId: SessionId;
  /** Nodes of which other hubs were told. */
  readonly announced: string[] = [];

  constructor(opened: Opened, founder: Caller, cli: Caller, cliToken: string) {
    this.opened = opened;
    this.founder = founder;
    this.cli = cli;
    this.cliToken = cliToken;
    this.sessionId = founder.defaultSessionId;
    const { clock, identity } = opened;
    const store: Store = {
      ...keyedReads(opened.store),
      commit: (batch) => {
        this.announced.push(...(batch.announcements ?? []));
        return opened.store.commit(batch);
      },
    };
    const announcement = (_spaceId: SpaceId, nodeId: NodeId): string => nodeId;
    const options = { store, clock, ids: createIds(clock, random), random, identity, announcement };
    this.sessions = createSessions(options);
    this.invites = createInvites(options);
    this.tokens = createTokens(options);
    this.audit = createAudit(options);
  }

  async invite(role: Role, sessionId = this.sessionId, by = this.founder): Promise<string> {
    return (await this.invites.create(by, { sessionId, role, expiresInHours: 24 })).token;
  }

  redeem(token: string, node?: JoiningNode) {
    return this.invites.redeem({ token, displayName: "Somebody", browser: false, ...(node && { node }) });
  }

  /** A new member, and its token. */
  async join(role: Role, sessionId = this.sessionId, by = this.founder): Promise<{ caller: Caller; token: string }> {
    const { token } = await this.redeem(await this.invite(role, sessionId, by));
    return { caller: await this.as(token), token };
  }

  /** As the token's bearer is seen now. */
  async as(token: string): Promise<Caller> {
    const caller = await this.opened.identity.authenticate({ authorization: `Bearer ${token}`, cookie: undefined });
    if (caller === null) throw new Error("the token is no good");
    return caller;
  }

  /** All rows that sessions and invites may change. */
  async dump(): Promise<Readonly<Record<string, readonly Row[]>>> {
    const found: Record<string, readonly Row[]> = {};
    for (const table of TABLES) {
      const columns = HUB_COLUMNS[table].filter((column) => column !== "last_used_at");
      found[table] = await this.opened.query(
        `SELECT ${columns.join(", ")} FROM ${table} ORDER BY ${columns.map((_, index) => index + 1).join(", ")}`,
      );
    }
    return found;
  }

  close(): Promise<void> {
    return this.opened.close();
  }
}

export const openPeople = async (): Promise<People> => {
  const opened = await openTestIdentity();
  const { identity } = opened;
  const { token } = await identity.createLoginToken({ spaceId: identity.spaceId, principalId: identity.ownerId });
  const { cookieToken } = await identity.redeemLoginToken(token);
  const founder = await identity.authenticate({ authorization: undefined, cookie: cookieToken });
  const onDisk = (await readFile(identity.cliTokenFile, "utf8")).trim();
  const cli = await identity.authenticate({ authorization: `Bearer ${onDisk}`, cookie: undefined });
  if (founder === null || cli === null) throw new Error("nobody is logged in");
  return new People(opened, founder, cli, onDisk);
};

/** The machines of these people's hub; whoever opens them closes them. */
export const openNodes = ({ opened: { store, clock, identity } }: People): SweepingNodes =>
  createNodes({
    store,
    clock,
    ids: createIds(clock, random),
    hubId: "hub-1",
    hubPrincipalId: identity.cliPrincipalId,
    onPresence: () => {},
    onBug: (error) => {
      throw error;
    },
    sweepIntervalMs: null,
  });
