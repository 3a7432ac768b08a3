// Number 9: ends the slots that are active in closed sessions. Closing a session ends its slots; it did not always, and such a
// machine could work nowhere else until its owner detached it from where nobody sees it.
import type { Migration } from "@muster/store";

const ACTIVE = "('registering', 'online', 'degraded')";

/** When the session was closed; where a hello took the slot again later, then. */
const ENDED = "CASE WHEN session.updated_at < slot.attached_at THEN slot.attached_at ELSE session.updated_at END";

const statements = [
  `INSERT INTO runtime_node_attachment_log (space_id, log_id, attachment_id, session_id, participant_id, node_id, action, epoch,
    reason, at)
  SELECT slot.space_id, slot.id || '-closed', slot.id, slot.session_id, slot.participant_id, slot.node_id, 'detached', slot.epoch,
    'session_closed', ${ENDED}
  FROM runtime_node_attachments slot
  JOIN sessions session ON session.space_id = slot.space_id AND session.session_id = slot.session_id
  WHERE slot.state IN ${ACTIVE} AND session.state = 'closed'`,
  `UPDATE runtime_node_attachments AS slot SET state = 'offline', detach_reason = 'session_closed',
    detached_at = (SELECT ${ENDED} FROM sessions session
      WHERE session.space_id = slot.space_id AND session.session_id = slot.session_id)
  WHERE state IN ${ACTIVE} AND EXISTS (SELECT session.session_id FROM sessions session
    WHERE session.space_id = slot.space_id AND session.session_id = slot.session_id AND session.state = 'closed')`,
];

export const slotsOfClosedSessions: Migration = {
  number: 9,
  name: "slots-of-closed-sessions",
  sqlite: statements,
  postgres: statements,
};
