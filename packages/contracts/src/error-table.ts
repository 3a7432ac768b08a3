// The one error table. A code is never reused and never decided by message text: HTTP status, exit code and
// "may I try again" all follow from the row. docs/reference/errors.md is compared with this file by a test.
export interface ErrorRow {
  /** HTTP status of the answer. */
  readonly status: number;
  /** True when the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** Exit code of the CLI. 2 usage, 3 not found or refused by a rule, 4 this machine needs a person, 5 not allowed, 6 try again, 1 anything else. */
  readonly exitCode: number;
  /** What happened, in one sentence, when nothing more precise is known. */
  readonly message: string;
  /** What a person can do about it. */
  readonly hint: string;
}

const row = (status: number, retryable: boolean, exitCode: number, message: string, hint: string): ErrorRow => ({
  status,
  retryable,
  exitCode,
  message,
  hint,
});

export const ERRORS = {
  // requests
  validation_failed: row(
    400,
    false,
    2,
    "The request does not fit its schema.",
    "Read the issues in the details and correct the fields they name.",
  ),
  malformed_request: row(
    400,
    false,
    2,
    "The request could not be read.",
    "Send well-formed JSON with a content type of application/json.",
  ),
  unauthenticated: row(
    401,
    false,
    5,
    "No valid token or login cookie came with the request.",
    "Log in with a fresh link from `muster login`, or pass a bearer token.",
  ),
  login_link_invalid: row(
    401,
    false,
    5,
    "The login link was used before, has expired or was never issued.",
    "Ask for a new link with `muster login`.",
  ),
  permission_denied: row(
    403,
    false,
    5,
    "You may not do that.",
    "Ask an owner of the session for the role that allows it.",
  ),
  origin_not_allowed: row(
    403,
    false,
    5,
    "The request came from a page or host name this hub does not serve.",
    "Open the console under the address the hub printed.",
  ),
  not_found: row(
    404,
    false,
    3,
    "There is nothing here under that name.",
    "Check the path or the id; what is not yours looks the same as what does not exist.",
  ),
  method_not_allowed: row(
    405,
    false,
    2,
    "That path does not take this method.",
    "See the OpenAPI document at /openapi.json.",
  ),
  payload_too_large: row(
    413,
    false,
    2,
    "The body is larger than the limit.",
    "Send less; the limit is in the details.",
  ),
  rate_limited: row(
    429,
    true,
    6,
    "Too many requests in a short time.",
    "Wait for the seconds in Retry-After, then try again.",
  ),
  internal_error: row(
    500,
    true,
    1,
    "The hub failed in a way it did not expect.",
    "Try again; if it stays, look into the hub's log under the id in the details.",
  ),
  unavailable: row(503, true, 6, "The hub is starting, stopping or cannot reach its store.", "Try again in a moment."),
  // dispatch
  command_id_reused: row(
    409,
    false,
    3,
    "That commandId was used for a different command.",
    "Use a new id for a new command.",
  ),
  concurrency_conflict: row(409, true, 6, "Others changed the same thing five times in a row.", "Try again."),
  outcome_unknown: row(
    503,
    true,
    6,
    "The connection to the store broke during the commit.",
    "Repeat the command with the same commandId: it runs at most once.",
  ),
  queue_full: row(503, true, 6, "Too many commands are waiting.", "Try again in a moment."),
  ingest_gap: row(
    409,
    true,
    6,
    "The batch starts beyond what was received before it.",
    "Send again from the expected sequence in the details.",
  ),
  ingest_beyond_text: row(
    409,
    false,
    3,
    "The text starts beyond the end of what is stored.",
    "Send the missing part first.",
  ),
  // projects and threads
  project_not_found: row(404, false, 3, "There is no such project.", "List the projects with `muster project list`."),
  project_exists: row(409, false, 3, "A project with this id is already there.", "Use a new id."),
  project_has_threads: row(
    409,
    false,
    3,
    "The project still has threads.",
    "Delete them first, or delete with --force.",
  ),
  thread_not_found: row(404, false, 3, "There is no such thread.", "List the threads with `muster thread list`."),
  message_not_found: row(
    404,
    false,
    3,
    "There is no such message in that thread.",
    "Show the thread with `muster thread show`.",
  ),
  activity_not_found: row(
    404,
    false,
    3,
    "There is no such activity in that thread.",
    "Show the thread with `muster thread show`.",
  ),
  thread_exists: row(409, false, 3, "A thread with this id is already there.", "Use a new id."),
  thread_archived: row(409, false, 3, "The thread is archived.", "Unarchive it first."),
  thread_not_archived: row(409, false, 3, "The thread is not archived.", "Nothing needs to be done."),
  workspace_not_allowed: row(
    403,
    false,
    3,
    "The node does not allow work in that folder.",
    "Choose a folder inside the node's workspace roots, or start the daemon with another --workspace-root.",
  ),
  workspace_unavailable: row(
    409,
    false,
    3,
    "The workspace folder is not there or cannot be read.",
    "Create it, or give the project another folder.",
  ),
  provider_unknown: row(
    409,
    false,
    3,
    "The node has no agent of that name.",
    "See `muster agents` for what was found.",
  ),
  // turns
  turn_exists: row(409, false, 3, "That turnId or messageId was used before.", "Use new ids for a new turn."),
  turn_not_found: row(404, false, 3, "There is no such turn.", "Show the thread with `muster thread show`."),
  turn_in_progress: row(
    409,
    false,
    6,
    "A turn is running on this thread.",
    "Wait for it, interrupt it, or queue the turn.",
  ),
  turn_queue_full: row(409, false, 6, "Twenty turns are waiting on this thread.", "Wait, or cancel some of them."),
  turn_not_running: row(409, false, 3, "No such turn is running.", "Show the thread with `muster thread show`."),
  turn_not_queued: row(
    409,
    false,
    3,
    "That turn is not waiting in the queue.",
    "Show the thread with `muster thread show`.",
  ),
  turn_settled: row(409, false, 3, "The turn has already ended.", "Nothing needs to be done."),
  approval_not_pending: row(
    409,
    false,
    3,
    "That approval was answered before, or its agent is gone.",
    "Show the thread with `muster thread show`.",
  ),
  checkpoint_not_ready: row(
    409,
    false,
    3,
    "There is no usable checkpoint for that turn.",
    "Choose another turn; `muster thread show` lists the checkpoints.",
  ),
  rebuild_running: row(
    409,
    true,
    6,
    "Projections are being rebuilt already.",
    "Wait for it to end; `muster projections list` shows how far it is.",
  ),
  diff_unavailable: row(
    409,
    true,
    6,
    "The diff is not stored and the machine that could make it does not answer.",
    "Try again when the node is online.",
  ),
  // nodes
  node_not_attached: row(
    409,
    false,
    3,
    "The node is not attached to this session.",
    "List the nodes with `muster nodes`.",
  ),
  node_offline: row(409, true, 6, "The node is offline.", "Start the daemon on that machine."),
  node_upgrade_required: row(
    426,
    false,
    4,
    "The node's daemon is too old for this.",
    "Upgrade Muster on that machine.",
  ),
  file_too_large: row(
    413,
    false,
    3,
    "The answer would be larger than a frame may be.",
    "Ask for less; the size is in the details.",
  ),
  "version.floor_exceeded": row(
    409,
    false,
    4,
    "The client's version is below the session's floor, so it may only read.",
    "Upgrade Muster on that machine.",
  ),
  "resource.limit_exceeded": row(
    409,
    false,
    3,
    "A limit of the session is reached.",
    "The details name the resource and its limit.",
  ),
  "runtimenode.attach_conflict": row(409, true, 6, "The node is active in another session.", "Detach it there first."),
  "runtimenode.attach_revoked": row(409, false, 4, "The node was revoked.", "An owner must invite this machine again."),
  "runtimenode.capabilityupdate_conflict": row(
    409,
    false,
    3,
    "The node's slot is not in a state that takes this update.",
    "Attach first, then update.",
  ),
  "runtimenode.stale_epoch": row(409, false, 6, "A newer incarnation of this node took over.", "Attach again."),
  "runtimenode.permission_denied": row(
    403,
    false,
    5,
    "That node is not yours, or is not there.",
    "List the nodes with `muster nodes`.",
  ),
  // uplink
  "uplink.unauthorized": row(
    401,
    false,
    4,
    "The node's signature or key was not accepted.",
    "Join this machine again with a fresh invite.",
  ),
  "uplink.protocol_unsupported": row(
    426,
    false,
    4,
    "Hub and daemon have no protocol version in common.",
    "Upgrade the older of the two.",
  ),
  "uplink.feature_unavailable": row(
    409,
    false,
    4,
    "The other side lacks a feature that is required.",
    "Upgrade the older of the two.",
  ),
  "uplink.frame_invalid": row(400, false, 1, "A frame did not fit its schema.", "Upgrade the older of the two sides."),
  // providers
  agent_not_found: row(
    409,
    false,
    3,
    "The agent's command was not found on the node.",
    "Install the agent on that machine, or choose another with `muster agents`.",
  ),
  agent_handshake_failed: row(
    409,
    true,
    3,
    "The agent started but did not speak the Agent Client Protocol.",
    "Run its command by hand on that machine; its last output is in the details.",
  ),
  agent_login_required: row(
    409,
    false,
    4,
    "The agent asks for a login of its own.",
    "Run the agent once by hand on that machine and log in.",
  ),
  agent_protocol_error: row(
    409,
    true,
    3,
    "The agent broke the protocol.",
    "Try again; if it stays, report it to the agent's makers.",
  ),
  agent_died: row(
    409,
    true,
    3,
    "The agent's process ended during the turn.",
    "Start another turn; its last output is in the details.",
  ),
  // this machine
  port_in_use: row(
    409,
    false,
    4,
    "The port is taken by another program.",
    "Stop that program, or choose another port with --port (0 means any free one).",
  ),
  home_unwritable: row(
    409,
    false,
    4,
    "The home folder cannot be written.",
    "Give --home a folder you may write, or mend its permissions.",
  ),
  already_running: row(
    409,
    false,
    1,
    "Muster already runs with this home.",
    "Use the one that runs, stop it, or give --home another folder.",
  ),
  database_corrupt: row(
    409,
    false,
    4,
    "The database did not pass its integrity check, so nothing was started.",
    "Restore a backup, or move the file away to start anew.",
  ),
  schema_mismatch: row(
    409,
    false,
    4,
    "The database was written by another version of Muster.",
    "Start the version that wrote it, or restore a backup.",
  ),
  database_unreachable: row(
    503,
    true,
    6,
    "The database server cannot be reached.",
    "Start it, or correct MUSTER_DATABASE_URL.",
  ),
  database_denied: row(
    409,
    false,
    4,
    "The database server refuses the login, the database or a right.",
    "Correct the user, the password or the database in MUSTER_DATABASE_URL; the user must own the database.",
  ),
  database_unsuitable: row(
    409,
    false,
    4,
    "The database server would not keep what it has confirmed, or lacks what the hub needs.",
    "Use a primary of PostgreSQL 14 or newer with UTF-8, fsync=on and full_page_writes=on.",
  ),
  database_mismatch: row(
    409,
    false,
    4,
    "This home's data is in another database.",
    "Name that database, or give --home another folder.",
  ),
  hub_unreachable: row(
    503,
    true,
    6,
    "No hub answers at that address.",
    "Start it with `npm start`, or name another with --url.",
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];
