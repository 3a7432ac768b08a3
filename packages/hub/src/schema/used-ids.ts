// Whether a client's id was ever used in a space. A revert drops turns and messages from the projections, so the
// log is asked; the conditions are literal because only then a partial index serves them.
import { pick, type StatementText, select, text } from "@muster/store";
import { ofSpace } from "./requests.ts";
import { HUB_TABLES } from "./tables.ts";

const MESSAGES = "event_type = 'thread.message-sent'";
const TURNS = "event_type IN ('thread.turn-start-requested', 'thread.turn-queued')";

/** By the expression of the index. On PostgreSQL a pattern, because its JSON refuses what a streamed text may hold. */
const firstUse = (condition: string, field: string): StatementText => {
  const by = (expression: string): string =>
    `SELECT stream_id FROM orchestration_events WHERE space_id = :spaceId AND ${expression} = :id AND ${condition} LIMIT 1`;
  return {
    sqlite: by(`json_extract(payload_json, '$.${field}')`),
    postgres: by(`substring(payload_json, '"${field}":"([^"\\\\]*)"')`),
  };
};

const request = { ...ofSpace, id: text() } as const;
const row = pick(HUB_TABLES.orchestration_events, "stream_id");

/** One row `{stream_id}` with the thread that used the message id, none if nobody has. */
export const messageIdUse = select({ request, row, sql: firstUse(MESSAGES, "messageId") });

/** One row `{stream_id}` with the thread that used the turn id, none if nobody has. */
export const turnIdUse = select({ request, row, sql: firstUse(TURNS, "turnId") });
