// Whether a client's id was ever used in a space. A revert drops turns and messages from the projections, so the
// log is asked; the conditions are literal because only then a partial index serves them.
import type { Dialect, Query } from "@muster/store";

const MESSAGES = "event_type = 'thread.message-sent'";
const TURNS = "event_type IN ('thread.turn-start-requested', 'thread.turn-queued')";

/** The expression of the index. On PostgreSQL a pattern, because its JSON refuses what a streamed text may hold. */
const payloadField = (dialect: Dialect, field: string): string =>
  dialect === "sqlite"
    ? `json_extract(payload_json, '$.${field}')`
    : `substring(payload_json, '"${field}":"([^"\\\\]*)"')`;

const placeholders = (dialect: Dialect): readonly [string, string] =>
  dialect === "sqlite" ? ["?", "?"] : ["$1", "$2"];

const firstUse = (dialect: Dialect, condition: string, field: string): string => {
  const [space, id] = placeholders(dialect);
  return `SELECT stream_id FROM orchestration_events WHERE space_id = ${space} AND ${payloadField(dialect, field)} = ${id} AND ${condition} LIMIT 1`;
};

/** One row `{stream_id}` with the thread that used the message id, none if nobody has. */
export const messageIdUse = (dialect: Dialect, spaceId: string, messageId: string): Query => ({
  sql: firstUse(dialect, MESSAGES, "messageId"),
  parameters: [spaceId, messageId],
});

/** One row `{stream_id}` with the thread that used the turn id, none if nobody has. */
export const turnIdUse = (dialect: Dialect, spaceId: string, turnId: string): Query => ({
  sql: firstUse(dialect, TURNS, "turnId"),
  parameters: [spaceId, turnId],
});
