// Rows of spaces, principals, sessions and nodes, as the database holds them. Secrets are SHA-256 in hex.
import type { MembershipState, NodeId, PrincipalId, PrincipalKind, Role, SessionId, SpaceId } from "@muster/contracts";
import { type Columns, integer, nullable, text } from "@muster/store";

/** May a node work here; never whether it is alive, which is `HealthState`. */
export type SlotState = "registering" | "online" | "degraded" | "offline" | "revoked";
export type HealthState = "online" | "degraded" | "offline";

export const NODE_TABLES = {
  spaces: {
    space_id: text<SpaceId>(),
    title: text(),
    default_session_id: nullable(text<SessionId>()),
    created_at: text(),
  },

  principals: {
    space_id: text<SpaceId>(),
    principal_id: text<PrincipalId>(),
    kind: text<PrincipalKind>(),
    display_name: text(),
    created_at: text(),
    disabled_at: nullable(text()),
  },

  tokens: {
    token_hash: text(),
    space_id: text<SpaceId>(),
    principal_id: text<PrincipalId>(),
    scopes_json: text(),
    label: text(),
    created_at: text(),
    expires_at: nullable(text()),
    revoked_at: nullable(text()),
    last_used_at: nullable(text()),
  },

  audit_log: {
    space_id: text<SpaceId>(),
    audit_id: text(),
    at: text(),
    actor_id: text<PrincipalId>(),
    action: text(),
    subject: text(),
    details_json: text(),
  },

  sessions: {
    space_id: text<SpaceId>(),
    session_id: text<SessionId>(),
    title: text(),
    state: text<"active" | "archived" | "closed">(),
    min_client_version: nullable(text()),
    created_at: text(),
    updated_at: text(),
  },

  session_memberships: {
    space_id: text<SpaceId>(),
    session_id: text<SessionId>(),
    participant_id: text<PrincipalId>(),
    role: text<Role>(),
    state: text<MembershipState>(),
    created_at: text(),
    updated_at: text(),
  },

  session_invites: {
    space_id: text<SpaceId>(),
    invite_id: text(),
    session_id: text<SessionId>(),
    token_hash: text(),
    role: text<Role>(),
    state: text<"pending" | "redeemed" | "revoked">(),
    issued_by: text<PrincipalId>(),
    created_at: text(),
    expires_at: text(),
    redeemed_by: nullable(text<PrincipalId>()),
    settled_at: nullable(text()),
  },

  nodes: {
    space_id: text<SpaceId>(),
    node_id: text<NodeId>(),
    owner: text<PrincipalId>(),
    public_key: text(),
    archived_keys_json: text(),
    encryption_key: nullable(text()),
    epoch: integer(),
    incarnation: nullable(text()),
    created_at: text(),
  },

  runtime_node_attachments: {
    space_id: text<SpaceId>(),
    id: text(),
    session_id: text<SessionId>(),
    participant_id: text<PrincipalId>(),
    node_id: text<NodeId>(),
    capabilities_json: nullable(text()),
    client_version: text(),
    state: text<SlotState>(),
    epoch: integer(),
    attached_at: text(),
    detached_at: nullable(text()),
    detach_reason: nullable(text()),
  },

  runtime_node_attachment_log: {
    space_id: text<SpaceId>(),
    log_id: text(),
    attachment_id: text(),
    session_id: text<SessionId>(),
    participant_id: text<PrincipalId>(),
    node_id: text<NodeId>(),
    action: text<"attached" | "detached" | "released" | "revoked">(),
    epoch: integer(),
    reason: nullable(text()),
    at: text(),
  },

  runtime_node_presence: {
    space_id: text<SpaceId>(),
    node_id: text<NodeId>(),
    connection_id: nullable(text()),
    last_heartbeat_at: text(),
    health_state: text<HealthState>(),
  },

  /** Of no space: what one process of the database does for all of them. */
  leases: {
    lease_name: text(),
    owner: nullable(text()),
    fence: integer(),
    expires_at: text(),
  },
} as const satisfies Readonly<Record<string, Columns>>;
