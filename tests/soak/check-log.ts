// Checks of the log itself, of what clients were answered, and of what readers heard.
import { isErrorCode } from "@muster/contracts";
import type { Row } from "@muster/store";
import type { Evidence } from "./evidence.ts";
import type { CommandRecord, FollowerRecord } from "./record.ts";

export function* checkLog({ hub }: Evidence): Generator<string> {
  const versions = new Map<string, number>();
  const eventIds = new Set<string>();
  let last = 0;
  for (const { sequence, eventId, aggregateKind, streamId, streamVersion } of hub.events) {
    if (sequence <= last) yield `sequence ${sequence} comes after ${last}`;
    last = sequence;
    if (eventIds.has(eventId)) yield `event ${eventId} is there twice`;
    eventIds.add(eventId);
    const stream = `${aggregateKind} ${streamId}`;
    const expected = (versions.get(stream) ?? 0) + 1;
    if (streamVersion !== expected) yield `${stream} goes on with version ${streamVersion}, not ${expected}`;
    versions.set(stream, streamVersion);
  }
}

/** Refusals before a decision, which leave no receipt. */
const WITHOUT_RECEIPT: ReadonlySet<string> = new Set([
  "validation_failed",
  "permission_denied",
  "command_id_reused",
  "workspace_not_allowed",
  "workspace_unavailable",
  "node_offline",
]);

export function* checkCommands({ hub, commands }: Evidence): Generator<string> {
  const receipts = new Map<string, Row>();
  for (const receipt of hub.receipts) receipts.set(String(receipt["command_id"]), receipt);
  const lastEvents = new Map<string, number>();
  for (const { commandId, sequence } of hub.events) if (commandId !== null) lastEvents.set(commandId, sequence);
  const asked = new Map<string, CommandRecord[]>();
  for (const record of commands) {
    const { commandId } = record.command;
    asked.set(commandId, [...(asked.get(commandId) ?? []), record]);
  }
  for (const record of commands)
    yield* checkCommand(record, receipts.get(record.command.commandId), lastEvents.get(record.command.commandId));
  for (const [commandId, receipt] of receipts) {
    const isAccepted = receipt["status"] === "accepted";
    const last = lastEvents.get(commandId);
    if (!asked.has(commandId)) yield `there is a receipt for ${commandId}, which nobody sent`;
    if (isAccepted && last !== Number(receipt["result_sequence"]))
      yield `the receipt of ${commandId} says ${receipt["result_sequence"]}, its last event is ${last ?? "missing"}`;
    if (!isAccepted && last !== undefined) yield `${commandId} was refused and left event ${last}`;
  }
  for (const [commandId, last] of lastEvents)
    if (receipts.get(commandId)?.["status"] !== "accepted") yield `event ${last} of ${commandId} has no receipt`;
}

function* checkCommand(
  { command, outcome }: CommandRecord,
  receipt: Row | undefined,
  lastEvent: number | undefined,
): Generator<string> {
  const name = `${command.type} ${command.commandId}`;
  switch (outcome.status) {
    case "unknown":
      return;
    case "accepted":
      if (receipt?.["status"] !== "accepted" || lastEvent === undefined) yield `${name} was accepted and is lost`;
      else if (lastEvent !== outcome.sequence)
        yield `${name} was answered ${outcome.sequence}, but ended at ${lastEvent}`;
      return;
    case "refused": {
      if (outcome.code === "command_id_reused") return;
      if (lastEvent !== undefined) yield `${name} was refused ${outcome.code} and left event ${lastEvent}`;
      const stored = codeOf(receipt);
      if (stored === null ? !WITHOUT_RECEIPT.has(outcome.code) : stored !== outcome.code)
        yield `${name} was refused ${outcome.code}, but its receipt says ${stored ?? "nothing"}`;
    }
  }
}

/** What a rejected receipt says; null where there is none. */
function codeOf(receipt: Row | undefined): string | null {
  if (receipt === undefined) return null;
  const error = receipt["error_json"];
  const code = error === null ? null : (JSON.parse(String(error)) as { code?: unknown }).code;
  return isErrorCode(code) ? code : "accepted";
}

export function* checkFollowers({ hub, followers }: Evidence): Generator<string> {
  const head = hub.events.at(-1)?.sequence ?? 0;
  for (const follower of followers) {
    yield* checkStretches(hub.events, follower);
    const own = hub.events.filter(({ streamId }) => follower.threadId === null || streamId === follower.threadId);
    const stretch = follower.stretches.at(-1);
    const reached = stretch === undefined ? 0 : (stretch.events.at(-1)?.sequence ?? stretch.after);
    const last = own.at(-1)?.sequence ?? 0;
    if (reached < last) yield `reader ${follower.name} heard up to ${reached} of ${last} (the log ends at ${head})`;
  }
}

function* checkStretches(
  events: Evidence["hub"]["events"],
  { name, threadId, stretches }: FollowerRecord,
): Generator<string> {
  for (const { after, events: heard } of stretches) {
    const last = heard.at(-1)?.sequence ?? after;
    const expected = events.filter(
      ({ sequence, streamId }) => sequence > after && sequence <= last && (threadId === null || streamId === threadId),
    );
    for (const [index, { sequence, eventId }] of heard.entries()) {
      const logged = expected[index];
      if (logged?.sequence === sequence && logged.eventId === eventId) continue;
      yield `reader ${name} heard ${sequence} where ${logged?.sequence ?? "nothing"} was next after ${heard[index - 1]?.sequence ?? after}`;
      break;
    }
    if (heard.length < expected.length)
      yield `reader ${name} missed ${expected.length - heard.length} events after ${after}`;
  }
}
