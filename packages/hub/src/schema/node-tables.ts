// Rows of spaces, principals, sessions and nodes, as the database holds them. Secrets are SHA-256 in hex.
import type { MembershipState, PrincipalKind, Role } from "@muster/contracts";
import type { Generated } from "kysely";

/** May a node work here; never whether it is alive, which is `HealthState`. */
export type SlotState = "registering" | "online" | "degraded" | "offline" | "revoked";
export type HealthState = "online" | "degraded" | "offline";

export interface SpacesTable {
  space_id: string;
  title: string;
  default_session_id: string | null;
  created_at: string;
}

export interface PrincipalsTable {
  space_id: string;
  principal_id: string;
  kind: PrincipalKind;
  display_name: string;
  created_at: string;
  disabled_at: string | null;
}

export interface TokensTable {
  token_hash: string;
  space_id: string;
  principal_id: string;
  scopes_json: string;
  label: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface AuditLogTable {
  space_id: string;
  audit_id: string;
  at: string;
  actor_id: string;
  action: string;
  subject: string;
  details_json: string;
}

export interface SessionsTable {
  space_id: string;
  session_id: string;
  title: string;
  state: "active" | "archived" | "closed";
  min_client_version: string | null;
  created_at: string;
  updated_at: string;
}

export interface SessionMembershipsTable {
  space_id: string;
  session_id: string;
  participant_id: string;
  role: Role;
  state: MembershipState;
  created_at: string;
  updated_at: string;
}

export interface SessionInvitesTable {
  space_id: string;
  invite_id: string;
  session_id: string;
  token_hash: string;
  role: Role;
  state: "pending" | "redeemed" | "revoked";
  issued_by: string;
  created_at: string;
  expires_at: string;
  redeemed_by: string | null;
  settled_at: string | null;
}

export interface NodesTable {
  space_id: string;
  node_id: string;
  owner: string;
  public_key: string;
  archived_keys_json: string;
  encryption_key: string | null;
  epoch: number;
  incarnation: string | null;
  created_at: string;
}

export interface RuntimeNodeAttachmentsTable {
  space_id: string;
  id: string;
  session_id: string;
  participant_id: string;
  node_id: string;
  capabilities_json: string | null;
  client_version: string;
  state: Generated<SlotState>;
  epoch: number;
  attached_at: string;
  detached_at: string | null;
  detach_reason: string | null;
}

export interface RuntimeNodeAttachmentLogTable {
  space_id: string;
  log_id: string;
  attachment_id: string;
  session_id: string;
  participant_id: string;
  node_id: string;
  action: "attached" | "detached" | "released" | "revoked";
  epoch: number;
  reason: string | null;
  at: string;
}

export interface RuntimeNodePresenceTable {
  space_id: string;
  node_id: string;
  connection_id: string | null;
  last_heartbeat_at: string;
  health_state: HealthState;
}
