// First schema, sessions and nodes: who shares work, which machines serve it, whether they live, and who may say so.
// Secrets are stored as SHA-256 only.

const spacesAndPrincipals = [
  `CREATE TABLE spaces (
  space_id TEXT NOT NULL,
  title TEXT NOT NULL,
  default_session_id TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (space_id),
  CONSTRAINT spaces_default_session_id_fkey FOREIGN KEY (space_id, default_session_id) REFERENCES sessions (space_id, session_id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE principals (
  space_id TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT principals_kind_check CHECK (kind IN ('human', 'agent', 'node', 'service')),
  display_name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  disabled_at TEXT,
  PRIMARY KEY (space_id, principal_id),
  CONSTRAINT principals_space_id_fkey FOREIGN KEY (space_id) REFERENCES spaces (space_id)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE tokens (
  token_hash TEXT NOT NULL,
  space_id TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  scopes_json TEXT NOT NULL,
  label TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT,
  last_used_at TEXT,
  PRIMARY KEY (token_hash),
  CONSTRAINT tokens_principal_id_fkey FOREIGN KEY (space_id, principal_id) REFERENCES principals (space_id, principal_id)
) STRICT, WITHOUT ROWID`,
  "CREATE INDEX tokens_principal_id_idx ON tokens (space_id, principal_id)",
  `CREATE TABLE audit_log (
  space_id TEXT NOT NULL,
  audit_id TEXT NOT NULL,
  at TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  details_json TEXT NOT NULL,
  PRIMARY KEY (space_id, audit_id)
) STRICT`,
  "CREATE INDEX audit_log_at_idx ON audit_log (space_id, at)",
];

const sessions = [
  `CREATE TABLE sessions (
  space_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT sessions_state_check CHECK (state IN ('active', 'archived', 'closed')),
  min_client_version TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, session_id),
  CONSTRAINT sessions_space_id_fkey FOREIGN KEY (space_id) REFERENCES spaces (space_id)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE session_memberships (
  space_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  participant_id TEXT NOT NULL,
  role TEXT NOT NULL CONSTRAINT session_memberships_role_check
    CHECK (role IN ('owner', 'collaborator', 'viewer', 'runtime_contributor')),
  state TEXT NOT NULL CONSTRAINT session_memberships_state_check
    CHECK (state IN ('pending', 'active', 'suspended', 'revoked')),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (space_id, session_id, participant_id),
  CONSTRAINT session_memberships_session_id_fkey FOREIGN KEY (space_id, session_id) REFERENCES sessions (space_id, session_id),
  CONSTRAINT session_memberships_participant_id_fkey FOREIGN KEY (space_id, participant_id) REFERENCES principals (space_id, principal_id)
) STRICT, WITHOUT ROWID`,
  "CREATE INDEX session_memberships_participant_id_idx ON session_memberships (space_id, participant_id)",
  `CREATE TABLE session_invites (
  space_id TEXT NOT NULL,
  invite_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  role TEXT NOT NULL CONSTRAINT session_invites_role_check
    CHECK (role IN ('owner', 'collaborator', 'viewer', 'runtime_contributor')),
  state TEXT NOT NULL CONSTRAINT session_invites_state_check CHECK (state IN ('pending', 'redeemed', 'revoked')),
  issued_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  redeemed_by TEXT,
  settled_at TEXT,
  PRIMARY KEY (space_id, invite_id),
  CONSTRAINT session_invites_session_id_fkey FOREIGN KEY (space_id, session_id) REFERENCES sessions (space_id, session_id)
) STRICT, WITHOUT ROWID`,
  "CREATE UNIQUE INDEX session_invites_token_hash_key ON session_invites (token_hash)",
  "CREATE INDEX session_invites_session_id_created_at_idx ON session_invites (space_id, session_id, created_at)",
];

const nodes = [
  `CREATE TABLE nodes (
  space_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  public_key TEXT NOT NULL,
  archived_keys_json TEXT NOT NULL,
  encryption_key TEXT,
  epoch INTEGER NOT NULL,
  incarnation TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (space_id, node_id),
  CONSTRAINT nodes_owner_fkey FOREIGN KEY (space_id, owner) REFERENCES principals (space_id, principal_id)
) STRICT`,
  `CREATE TABLE runtime_node_attachments (
  space_id TEXT NOT NULL,
  id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  participant_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  capabilities_json TEXT,
  client_version TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'registering' CONSTRAINT runtime_node_attachments_state_check
    CHECK (state IN ('registering', 'online', 'degraded', 'offline', 'revoked')),
  epoch INTEGER NOT NULL,
  attached_at TEXT NOT NULL,
  detached_at TEXT,
  detach_reason TEXT,
  PRIMARY KEY (space_id, id),
  CONSTRAINT runtime_node_attachments_session_id_fkey FOREIGN KEY (space_id, session_id) REFERENCES sessions (space_id, session_id),
  CONSTRAINT runtime_node_attachments_participant_id_fkey FOREIGN KEY (space_id, participant_id) REFERENCES principals (space_id, principal_id)
) STRICT`,
  "CREATE UNIQUE INDEX runtime_node_attachments_node_id_session_id_key ON runtime_node_attachments (space_id, node_id, session_id)",
  `CREATE UNIQUE INDEX runtime_node_attachments_active_node_key ON runtime_node_attachments (space_id, node_id)
  WHERE state IN ('registering', 'online', 'degraded')`,
  "CREATE INDEX runtime_node_attachments_session_id_idx ON runtime_node_attachments (space_id, session_id)",
  `CREATE TABLE runtime_node_attachment_log (
  space_id TEXT NOT NULL,
  log_id TEXT NOT NULL,
  attachment_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  participant_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  action TEXT NOT NULL CONSTRAINT runtime_node_attachment_log_action_check
    CHECK (action IN ('attached', 'detached', 'released', 'revoked')),
  epoch INTEGER NOT NULL,
  reason TEXT,
  at TEXT NOT NULL,
  PRIMARY KEY (space_id, log_id)
) STRICT`,
  "CREATE INDEX runtime_node_attachment_log_node_id_at_idx ON runtime_node_attachment_log (space_id, node_id, at)",
  `CREATE TABLE runtime_node_presence (
  space_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  connection_id TEXT,
  last_heartbeat_at TEXT NOT NULL,
  health_state TEXT NOT NULL CONSTRAINT runtime_node_presence_health_state_check
    CHECK (health_state IN ('online', 'degraded', 'offline')),
  PRIMARY KEY (space_id, node_id)
) STRICT, WITHOUT ROWID`,
  // Not led by space_id: the sweep asks for the stale nodes of all spaces at once.
  "CREATE INDEX runtime_node_presence_health_state_last_heartbeat_at_idx ON runtime_node_presence (health_state, last_heartbeat_at)",
];

export const sessionAndNodeTables: readonly string[] = [...spacesAndPrincipals, ...sessions, ...nodes];
