// What pruning makes of a payload, as pure functions, so that the log and the rows made from it lose the same. A stub
// keeps the shape of its event: whoever can read the event can read the stub, and ids stay refused for ever.
import type { EventPayload, EventType } from "@muster/contracts";
import { isEventType } from "@muster/contracts";
import { fingerprint, sha256Hex } from "./fingerprint.ts";
import { APPROVAL_REQUESTED_KIND } from "./orchestration/state.ts";

type Json = Readonly<Record<string, unknown>>;

/** Of a question only what its answer was to: what it looked at is gone. */
const KEPT_OF_APPROVAL = ["requestId", "kind", "title", "options"] as const;

/**
 * Fields of each type that hold content, with what stands in their place. What is not named here is ids, counts and
 * states. A new type has to say what it holds.
 */
const CONTENT: { readonly [Type in EventType]: { readonly [Field in keyof EventPayload<Type>]?: unknown } } = {
  "project.created": {},
  "project.meta-updated": {},
  "project.deleted": {},
  "thread.created": { title: "", model: null, branch: null, worktreePath: null },
  "thread.meta-updated": { title: "", model: null, branch: null, worktreePath: null },
  "thread.archived": {},
  "thread.unarchived": {},
  "thread.deleted": {},
  "thread.message-sent": { text: "", attachments: [] },
  "thread.turn-start-requested": {},
  "thread.turn-queued": {},
  "thread.turn-dequeued": {},
  "thread.turn-interrupt-requested": {},
  "thread.turn-settled": { detail: null },
  "thread.approval-response-requested": {},
  "thread.approval-expired": {},
  "thread.checkpoint-revert-requested": {},
  "thread.reverted": { files: [] },
  "thread.session-stop-requested": {},
  "thread.session-set": { lastError: null },
  "thread.turn-diff-completed": { files: [] },
  "thread.activity-appended": { summary: "" },
};

/** Events whose rows go with their content: they are marked also where there was none. */
const ROW_BEARING: ReadonlySet<string> = new Set<EventType>([
  "thread.created",
  "thread.message-sent",
  "thread.turn-diff-completed",
  "thread.activity-appended",
]);

/** SHA-256 of the canonical JSON; of the plain JSON where half a character keeps it from having a canonical form. */
export function digestOf(payload: unknown): string {
  try {
    return fingerprint(payload);
  } catch {
    return sha256Hex(JSON.stringify(payload));
  }
}

/** Of an event's payload: no command can set the mark there. */
export const isStub = (payload: Json): boolean => payload["pruned"] === true;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

const DETAIL_FIELDS: ReadonlySet<string> = new Set(["pruned", "digest", ...KEPT_OF_APPROVAL]);

/** Of an activity's details, which a node fills as it likes: a mark beside other things is none. */
export const isPruned = (details: unknown): boolean =>
  isJson(details) &&
  details["pruned"] === true &&
  typeof details["digest"] === "string" &&
  Object.keys(details).every((field) => DETAIL_FIELDS.has(field));

/**
 * An activity of an archived thread without its details: they become `{pruned, digest}`; kind and summary stay. Of a
 * question stays what its row needs. null where nothing is left to take out.
 */
export function prunedActivity(activity: Json): Json | null {
  const details = activity["payload"];
  if (!isJson(details) || isPruned(details) || Object.keys(details).length === 0) return null;
  const kept =
    activity["kind"] === APPROVAL_REQUESTED_KIND
      ? Object.fromEntries(KEPT_OF_APPROVAL.filter((field) => field in details).map((field) => [field, details[field]]))
      : {};
  return { ...activity, payload: { pruned: true, digest: digestOf(details), ...kept } };
}

/**
 * What is left of an event of a removed thread, with the marks first; null where it holds no content. `payload` is null
 * where the stored text is no JSON object; then, and of types nobody knows, only ids stay.
 * An activity gives the same stub whether its details were pruned before or not.
 */
export function stubOf(eventType: string, payload: Json | null, stored: string): Json | null {
  if (payload === null) return { pruned: true, digest: sha256Hex(stored) };
  if (isStub(payload)) return null;
  if (!isEventType(eventType)) return unknownStub(payload);
  const source = eventType === "thread.activity-appended" ? (prunedActivity(payload) ?? payload) : payload;
  const emptied = Object.fromEntries(Object.entries(CONTENT[eventType]).filter(([field]) => field in payload));
  const hasContent = Object.entries(emptied).some(
    ([field, empty]) => JSON.stringify(source[field]) !== JSON.stringify(empty),
  );
  if (!hasContent && !ROW_BEARING.has(eventType)) return null;
  const rest = { ...source, ...emptied };
  return {
    pruned: true,
    digest: digestOf(source),
    ...rest,
    ...(eventType === "thread.activity-appended" ? { payload: bareMarks(source["payload"]) } : {}),
  };
}

/** No question opens a row any more. */
const bareMarks = (details: unknown): Json =>
  isJson(details) && isPruned(details) ? { pruned: true, digest: details["digest"] } : {};

function unknownStub(payload: Json): Json | null {
  if (Object.keys(payload).length === 0) return null;
  const ids = ["turnId", "messageId"].filter((field) => typeof payload[field] === "string");
  return {
    pruned: true,
    digest: digestOf(payload),
    ...Object.fromEntries(ids.map((field) => [field, payload[field]])),
  };
}
