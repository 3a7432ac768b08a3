// How the hub's capability folders see each other: types alone, so that each can be built and tested by itself.
// server.ts is the only place that puts them together.
import type {
  ActivityRow,
  Attached,
  AttachInput,
  AuditEntry,
  CapabilityUpdated,
  CapabilityUpdateInput,
  ClientCommand,
  DetachInput,
  DispatchResult,
  EffectBody,
  ErrorBody,
  EventId,
  EventsPage,
  FeedMessage,
  FileContent,
  FileTree,
  Fleet,
  HeartbeatInput,
  Invite,
  JoiningNode,
  JournalId,
  LiveCall,
  LiveDelta,
  Me,
  MembershipState,
  MessageId,
  MessageRow,
  NodeCapabilities,
  NodeId,
  NodeRequest,
  NodeSummary,
  PrincipalId,
  PrincipalKind,
  ProjectId,
  Projections,
  ProjectorName,
  PruneReport,
  Rebuild,
  ReceivedEntry,
  Redeemed,
  RevokeInput,
  Role,
  SessionId,
  SessionMember,
  SessionState,
  SessionSummary,
  Snapshot,
  SpaceId,
  ThreadId,
  ThreadWindow,
  TokenScope,
  TokenSummary,
  TurnDiff,
  TurnId,
} from "@muster/contracts";

/** A caller that identity has authenticated. Roles are per session; a session not named here is not theirs. */
export interface Caller {
  readonly spaceId: SpaceId;
  readonly principalId: PrincipalId;
  readonly principalKind: PrincipalKind;
  readonly displayName: string;
  /** Active memberships only. */
  readonly roles: ReadonlyMap<SessionId, Role>;
  /** Those of its sessions in which nothing begins any more. */
  readonly archivedSessions: ReadonlySet<SessionId>;
  readonly defaultSessionId: SessionId;
  /** What the token that came with the request is good for. */
  readonly scope: TokenScope;
  /** That token's name in lists. */
  readonly tokenId: string;
  /** What this caller makes to log in with is good no longer; without one, as long as any. */
  readonly notAfter?: string;
}

/** A node whose key the uplink has proven. */
export interface NodeIdentity {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly epoch: number;
  readonly connectionId: string;
}

export interface FeedItem {
  /** `<generation>:<sequence>`, for members of the log alone. */
  readonly id?: string;
  readonly message: FeedMessage;
}

/** Built by orchestration/. Refusals are MusterErrors. */
export interface Orchestration {
  dispatch(caller: Caller, command: ClientCommand): Promise<DispatchResult>;
  getSnapshot(
    caller: Caller,
    input: { archived?: boolean; before?: string; projectId?: ProjectId; limit: number },
  ): Promise<Snapshot>;
  getThread(caller: Caller, input: { threadId: ThreadId; turnLimit: number; before?: string }): Promise<ThreadWindow>;
  /** What `getThread` answers as UTF-8 JSON, made where it holds up nobody. Throws as it does. */
  getThreadBytes(
    caller: Caller,
    input: { threadId: ThreadId; turnLimit: number; before?: string },
  ): Promise<Uint8Array>;
  /** Whole, whatever its size. Throws `thread_not_found`, `message_not_found`. */
  getMessage(caller: Caller, input: { threadId: ThreadId; messageId: MessageId }): Promise<MessageRow>;
  /** Whole, whatever its size. Throws `thread_not_found`, `activity_not_found`. */
  getActivity(caller: Caller, input: { threadId: ThreadId; activityId: EventId }): Promise<ActivityRow>;
  getTurnDiff(
    caller: Caller,
    input: { threadId: ThreadId; fromTurnCount: number; toTurnCount: number },
  ): Promise<TurnDiff>;
  getEventsPage(caller: Caller, input: { after: number; limit: number; threadId?: ThreadId }): Promise<EventsPage>;
  /** A part of a run of retention over the sessions that the caller owns; again with `next` for the rest. */
  prune(caller: Caller, input: { olderThanDays?: number; dryRun: boolean; after?: string }): Promise<PruneReport>;
  /** Never misses and never repeats; ends with a `reset` message when the reader is too slow or the hub stops. */
  feed(
    caller: Caller,
    input: { after?: string; lastEventId?: string; threadId?: ThreadId; signal: AbortSignal },
  ): AsyncGenerator<FeedItem>;
  /** Takes a node's journal entries, once each. */
  ingest(
    node: NodeIdentity,
    batch: { journalId: JournalId; firstSequence: number; entries: readonly ReceivedEntry[] },
  ): Promise<{ lastSequence: number; error?: ErrorBody }>;
  ingestCursor(node: NodeIdentity, journalId: JournalId): Promise<number>;
  publishDelta(node: NodeIdentity, delta: LiveDelta): void;
  publishCall(node: NodeIdentity, call: LiveCall): void;
  publishPresence(spaceId: SpaceId, nodes: readonly NodeSummary[]): void;
  effectResult(node: NodeIdentity, result: { effectId: string; fence: number; error?: ErrorBody }): Promise<void>;
  /**
   * Called with every hello, before hello_ack: names what the node should stop. What the hub counts as running and the
   * node does not is settled `node_restarted` once the journal has been ingested up to `journalSequence`, because the
   * journal may still tell how it ended.
   */
  reconcileNode(
    node: NodeIdentity,
    hello: {
      runningTurns: readonly { threadId: ThreadId; turnId: TurnId }[];
      journalId: JournalId;
      journalSequence: number;
    },
  ): Promise<{ threadId: ThreadId; turnId: TurnId }[]>;
  /**
   * Ends turns that their node can no longer end: `node_lost` where its slot was released or revoked, or where the node
   * has been offline for longer than the slot's lease while this replica called it all the time, every few seconds;
   * `node_offline` where an interrupt waits for a node that went offline. Resolves with how many. Any replica may call it
   * at any time: what no longer holds at the commit is left alone.
   */
  settleLost(): Promise<number>;
  /** A node can take effects now. */
  nodeConnected(spaceId: SpaceId, nodeId: NodeId): void;
  /** `isFailing`: the last write could not be stored, and none has been since; `settleLost` tries one. */
  head(): { generation: string; headSequence: number; isFailing: boolean };
  /** How far projectors have followed the log, and the newest rebuild. */
  projections(): Promise<Projections>;
  /**
   * Begins to make rows of one projection, or of all, anew from the log, and resolves when it has begun; it goes on while
   * the hub serves. Throws `rebuild_running` while another one runs, on any hub of the store.
   */
  rebuildProjections(projector?: ProjectorName): Promise<Rebuild>;
  close(): Promise<void>;
}

/** Built by uplink/: the sockets of this replica. */
export interface NodeConnections {
  /** @param connectionId by this connection; by any unless given */
  isConnected(spaceId: SpaceId, nodeId: NodeId, connectionId?: string): boolean;
  /** False when the node has no connection here; true says sent, not done: the result comes through `effectResult`. */
  runEffect(
    spaceId: SpaceId,
    nodeId: NodeId,
    effect: { effectId: string; fence: number; effect: EffectBody; traceparent?: string },
  ): boolean;
  /** Asks and waits. Throws MusterError `node_offline`, or what the node answered. */
  request(
    spaceId: SpaceId,
    nodeId: NodeId,
    request: NodeRequest,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<unknown>;
}

/**
 * Built by files/. Both throw what the contract names for them; a signal that aborts takes the question back from the node.
 */
export interface NodeFiles {
  tree(
    caller: Caller,
    input: { projectId: ProjectId; path: string; depth: number; ignored: boolean },
    signal?: AbortSignal,
  ): Promise<FileTree>;
  read(
    caller: Caller,
    input: { projectId: ProjectId; path: string; ignored: boolean },
    signal?: AbortSignal,
  ): Promise<FileContent>;
}

/** Who speaks for a node over HTTP. */
export interface NodeCaller {
  readonly spaceId: SpaceId;
  /** Whose nodes are the caller's own. */
  readonly ownerId: PrincipalId;
  /** Who the record of administrative acts names. */
  readonly actorId: PrincipalId;
}

/** As this hub tells it: with all that older ones do not tell. */
export type WholeFleet = { readonly [Name in keyof Fleet]-?: NonNullable<Fleet[Name]> };

/** Where a node stands now. */
export interface NodePlace {
  readonly epoch: number;
  /** Of its newest connection, on whatever hub; null when that has ended. */
  readonly connectionId: string | null;
  /** It has no active slot, and the one that it had last was revoked: no hello of it is taken. */
  readonly isRevoked: boolean;
  /** It has an active slot. */
  readonly hasSlot: boolean;
}

/**
 * Built by nodes/: enrolment, slots and liveness. A node that is not the caller's and one that is unknown are one refusal,
 * `runtimenode.permission_denied`. An epoch that is not the node's newest is `runtimenode.stale_epoch` and changes nothing.
 */
export interface Nodes {
  /** Enrols a node or finds it again by its key; another key under the same id is `runtimenode.permission_denied`. */
  enrol(input: { spaceId: SpaceId; nodeId: NodeId; ownerId: PrincipalId; publicKey: string }): Promise<void>;
  /** The enrolled Ed25519 public key (base64 of the 32 raw bytes), or null. */
  publicKey(spaceId: SpaceId, nodeId: NodeId): Promise<string | null>;
  /**
   * After a proven hello: epoch by incarnation, presence bound to the connection, and the slot that the node has or comes
   * back to, online; in the default session for a node that never had one, where its owner may bring it. Throws
   * `runtimenode.attach_revoked`, `resource.limit_exceeded` where that session is full.
   */
  connected(input: {
    spaceId: SpaceId;
    nodeId: NodeId;
    incarnation: string;
    connectionId: string;
    clientVersion: string;
    capabilities: NodeCapabilities;
  }): Promise<{ epoch: number; hasSlot: boolean }>;
  /** What a connection of the node is measured by; null for a node that is unknown. */
  place(spaceId: SpaceId, nodeId: NodeId): Promise<NodePlace | null>;
  /** Throws `runtimenode.stale_epoch` for an older epoch. */
  heartbeat(input: {
    spaceId: SpaceId;
    nodeId: NodeId;
    epoch: number;
    connectionId: string;
    healthState: "online" | "degraded";
  }): Promise<void>;
  capabilities(input: {
    spaceId: SpaceId;
    nodeId: NodeId;
    epoch: number;
    capabilities: NodeCapabilities;
  }): Promise<void>;
  /**
   * A slot in a session for a node of the caller's. That the caller may contribute to the session was checked before. Throws
   * `runtimenode.attach_revoked`, `runtimenode.attach_conflict`, `resource.limit_exceeded`.
   */
  attach(by: NodeCaller, input: AttachInput): Promise<Attached>;
  /** A heartbeat that came with no connection. Throws `rate_limited`. */
  beat(by: NodeCaller, input: HeartbeatInput): Promise<void>;
  /** Throws `runtimenode.capabilityupdate_conflict`, `version.floor_exceeded`. */
  declare(by: NodeCaller, input: CapabilityUpdateInput): Promise<CapabilityUpdated>;
  /** Again, and for a node that is unknown or another's, nothing happens. */
  detach(by: NodeCaller, input: DetachInput): Promise<void>;
  /** Terminal. That the caller owns the session was checked before; again nothing happens. */
  revoke(by: Pick<NodeCaller, "spaceId" | "actorId">, input: RevokeInput): Promise<void>;
  /** Demotes to degraded only where presence still carries this connection. */
  disconnected(input: { spaceId: SpaceId; nodeId: NodeId; connectionId: string; expected: boolean }): Promise<void>;
  list(spaceId: SpaceId, sessionIds: readonly SessionId[]): Promise<NodeSummary[]>;
  /** The same, and the caller's own machines that had a slot in none of these sessions, of one moment: none is missed or twice. */
  fleet(by: Pick<NodeCaller, "spaceId" | "ownerId">, sessionIds: readonly SessionId[]): Promise<WholeFleet>;
  close(): Promise<void>;
}

/** Built by identity/. */
export interface Identity {
  readonly spaceId: SpaceId;
  readonly ownerId: PrincipalId;
  /** From the headers of a request; null when nothing valid came. Looked up at every request, so a revocation bites at once. */
  authenticate(input: { authorization: string | undefined; cookie: string | undefined }): Promise<Caller | null>;
  /**
   * A one-time login token, valid for 10 minutes. Made with a token, it and the login that comes of it are good no longer than
   * that one, and it is not made where that one is good no more: throws `unauthenticated`.
   */
  createLoginToken(caller: {
    spaceId: SpaceId;
    principalId: PrincipalId;
    madeWith?: Pick<Caller, "tokenId" | "notAfter">;
  }): Promise<{ token: string; expiresAt: string }>;
  /** Trades it for a cookie's value, once. Throws `login_link_invalid`. */
  redeemLoginToken(token: string): Promise<{ caller: Caller; cookieToken: string; maxAgeSeconds: number }>;
  logout(input: { cookie: string | undefined }): Promise<void>;
  me(caller: Caller): Me;
  /**
   * Whose memberships, nodes and tokens a caller acts on: its own, but the command line's service stands for the person
   * who owns the space. What was done is still recorded under the caller's own name.
   */
  standsFor(caller: Pick<Caller, "principalId">): PrincipalId;
}

/**
 * Built by sessions/: shared pieces of work and who belongs to them. Whoever is no member of a session gets
 * `session_not_found`, as for one that never was; what an owner alone may is refused others with `permission_denied`, and
 * the role is proven once more in the commit.
 */
export interface Sessions {
  list(caller: Caller): Promise<SessionSummary[]>;
  /** Its owner is the caller, or the person it stands for. Throws `resource.limit_exceeded`. */
  create(caller: Caller, input: { title: string }): Promise<SessionSummary>;
  get(caller: Caller, input: { sessionId: SessionId }): Promise<SessionSummary>;
  /** What is not named stays. Throws `session_default` where the default session would end. */
  update(
    caller: Caller,
    input: { sessionId: SessionId; title?: string; state?: SessionState },
  ): Promise<SessionSummary>;
  /** Throws `session_floor_lowered` where it would fall and `lower` is not said. */
  setFloor(
    caller: Caller,
    input: { sessionId: SessionId; minClientVersion: string | null; lower: boolean },
  ): Promise<SessionSummary>;
  members(caller: Caller, input: { sessionId: SessionId }): Promise<SessionMember[]>;
  /** What is not named stays. Throws `member_not_found`, `member_is_service`, `last_owner`, `resource.limit_exceeded`. */
  setMember(
    caller: Caller,
    input: { sessionId: SessionId; participantId: PrincipalId; role?: Role; state?: MembershipState },
  ): Promise<SessionMember>;
  /** The command line lets the person go for whom it stands, and stays. Throws `last_owner`, `member_is_service`. */
  leave(caller: Caller, input: { sessionId: SessionId }): Promise<void>;
}

/** Built by sessions/: links that let one in, once. Refusals are those of `Sessions`. */
export interface Invites {
  /** The token is told here and never again. Throws `rate_limited`, `session_archived`. */
  create(
    caller: Caller,
    input: { sessionId: SessionId; role: Role; expiresInHours: number },
  ): Promise<{ invite: Invite; token: string }>;
  /** Newest first. */
  list(caller: Caller, input: { sessionId: SessionId }): Promise<Invite[]>;
  /** Again is no error. Throws `invite_not_found`, `invite_used`. */
  revoke(caller: Caller, input: { sessionId: SessionId; inviteId: string }): Promise<Invite>;
  /** As `invites.redeem` of the contract says. `maxAgeSeconds` is that of a browser's login. */
  redeem(input: {
    token: string;
    displayName: string;
    node?: JoiningNode;
    browser: boolean;
  }): Promise<Redeemed & { token: string; maxAgeSeconds: number }>;
}

/** Built by identity/: tokens of the API and browser logins, without their secrets. */
export interface Tokens {
  /** The caller's own, and those of whom it stands for; with `all` those of the space, for owners of its default session. */
  list(caller: Caller, input: { all: boolean }): Promise<TokenSummary[]>;
  /** For whom the caller stands. Throws `resource.limit_exceeded`, `unauthenticated` where the caller's own is gone. */
  create(
    caller: Caller,
    input: { label: string; scope: TokenScope; expiresInDays: number | null },
  ): Promise<{ token: TokenSummary; secret: string }>;
  /** Again is no error. Throws `token_not_found`, also for another's unless the caller owns the default session. */
  revoke(caller: Caller, input: { tokenId: string }): Promise<TokenSummary>;
}

/** Built by identity/: the record of administrative acts. */
export interface Audit {
  /** Newest first, older than the one with that id. */
  list(caller: Caller, input: { before?: string; limit: number }): Promise<AuditEntry[]>;
}
