// The one table from runtime events to internal commands. Pure and total: a runtime event without a row does not
// compile. Text is the exception: texts.ts cuts it into pieces before it becomes commands.
import type {
  InternalCommand,
  PlanEntry,
  RuntimeEvent,
  RuntimeEventType,
  ThreadId,
  ToolCall,
  TurnId,
} from "@muster/contracts";
import { recordedCall } from "@muster/core";
import {
  DETAIL_MAX_CHARACTERS,
  DIFF_FILES_MAX,
  REASON_MAX_CHARACTERS,
  SKIPPED_NAMED_MAX,
  SKIPPED_TOLD_MAX,
  SUMMARY_MAX_CHARACTERS,
  UPDATE_OUTPUT_MAX_CHARACTERS,
} from "./limits.ts";

export type RuntimeEventOf<Type extends RuntimeEventType> = Extract<RuntimeEvent, { type: Type }>;
type Activity = Extract<InternalCommand, { type: "thread.activity.append" }>;

export interface Place {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
}

type Mapping = {
  readonly [Type in RuntimeEventType]: (event: RuntimeEventOf<Type>, place: Place) => readonly InternalCommand[];
};

const activity = (
  { threadId, turnId }: Place,
  event: RuntimeEvent,
  shown: { readonly tone: Activity["tone"]; readonly summary: string; readonly payload: object },
): Activity => ({
  type: "thread.activity.append",
  threadId,
  turnId,
  tone: shown.tone,
  kind: event.type,
  summary: shown.summary.slice(0, SUMMARY_MAX_CHARACTERS),
  payload: { ...shown.payload },
});

const ofTool = (place: Place, event: RuntimeEvent & { readonly tool: ToolCall }): Activity[] => [
  activity(place, event, {
    tone: "tool",
    summary: event.tool.title,
    payload: recordedCall(event.tool, event.tool.title),
  }),
];

const planSummary = (entries: readonly PlanEntry[]): string =>
  `${entries.filter((entry) => entry.status === "completed").length} of ${entries.length} steps done`;

const DECISIONS = {
  accept: "Allowed",
  acceptForSession: "Allowed for the session",
  decline: "Declined",
  cancel: "Cancelled",
} as const;

const SKIP_WORDS: Readonly<Record<string, string>> = {
  "too-large": "too large",
  "not-readable": "not readable",
  "nested-repository": "a repository of its own",
  "special-file": "neither a file nor a link",
  submodule: "a submodule: its commit is kept, its files are not",
};

/** What is not in a checkpoint is in no diff, and no revert brings it back. */
function leftOut(
  skipped: readonly { readonly path: string; readonly reason: string }[],
  event: RuntimeEvent,
  place: Place,
): Activity {
  const named = skipped
    .slice(0, SKIPPED_NAMED_MAX)
    .map(({ path, reason }) => `${path} (${SKIP_WORDS[reason] ?? reason})`);
  const more = skipped.length > named.length ? ` and ${skipped.length - named.length} more` : "";
  const summary =
    skipped.length === 0
      ? "Checkpoints leave out nothing any more"
      : `Checkpoints leave out ${named.join(", ")}${more}`;
  const told = activity(place, event, {
    tone: "info",
    summary,
    payload: { skipped: skipped.slice(0, SKIPPED_TOLD_MAX), count: skipped.length },
  });
  return { ...told, kind: "checkpoint.partial" };
}

const MAPPING: Mapping = {
  // Who the agent is goes out with the session's next state; the conversation it took up or not is worth a line.
  "session.started": (event, place) => [
    activity(place, event, {
      tone: "info",
      summary: `${event.agentName ?? "The agent"} ${event.loaded ? "took up its earlier conversation" : "started a conversation"}`,
      payload: {
        agentName: event.agentName ?? null,
        agentVersion: event.agentVersion ?? null,
        canLoad: event.canLoad,
        loaded: event.loaded,
      },
    }),
  ],
  "turn.started": () => [],
  "message.delta": () => [],
  "message.completed": () => [],
  "tool.started": (event, place) => ofTool(place, event),
  "tool.updated": (event, place) => ofTool(place, event),
  "tool.completed": (event, place) => ofTool(place, event),
  "plan.updated": (event, place) => [
    activity(place, event, { tone: "info", summary: planSummary(event.entries), payload: { entries: event.entries } }),
  ],
  "approval.requested": (event, place) => [
    activity(place, event, { tone: "approval", summary: event.request.title, payload: event.request }),
  ],
  "approval.resolved": (event, place) => {
    const { requestId, decision, source, title } = event;
    const told = activity(place, event, {
      tone: "approval",
      summary: `${DECISIONS[decision]}: ${title}`,
      payload: { requestId, decision, source, title },
    });
    // Nobody can answer a withdrawn question any more.
    return source === "withdrawn"
      ? [told, { type: "thread.approval.expire", threadId: place.threadId, requestId, reason: "withdrawn" }]
      : [told];
  },
  "usage.updated": (event, place) => [activity(place, event, { tone: "info", summary: "Usage", payload: event.usage })],
  "turn.completed": (event, { threadId, turnId }) => [
    {
      type: "thread.turn.settle",
      threadId,
      turnId,
      status: event.status,
      reason: event.reason?.slice(0, REASON_MAX_CHARACTERS) ?? null,
      detail: event.detail?.slice(0, DETAIL_MAX_CHARACTERS) ?? null,
    },
  ],
  "runtime.error": (event, place) => [
    activity(place, event, {
      tone: "error",
      summary: event.message,
      payload: { code: event.code, message: event.message },
    }),
  ],
  "checkpoint.captured": (event, place) => [
    ...(event.skipped === undefined ? [] : [leftOut(event.skipped, event, place)]),
    {
      type: "thread.turn.diff.complete",
      ...place,
      turnCount: event.turnCount,
      checkpointRef: event.checkpointRef,
      status: event.status,
      files: event.files.slice(0, DIFF_FILES_MAX),
      diff: event.diff,
      truncated: event.truncated || event.files.length > DIFF_FILES_MAX,
    },
  ],
};

/** For an update, which the next one replaces: the newest part of a long output. */
export const withNewestOutput = (tool: ToolCall): ToolCall =>
  tool.output === undefined || tool.output.length <= UPDATE_OUTPUT_MAX_CHARACTERS
    ? tool
    : { ...tool, output: tool.output.slice(-UPDATE_OUTPUT_MAX_CHARACTERS).toWellFormed(), truncated: true };

/** What a runtime event becomes in the journal; nothing for text and for what only moves the turn on. */
export const commandsOf = (event: RuntimeEvent, place: Place): readonly InternalCommand[] =>
  (MAPPING[event.type] as (event: RuntimeEvent, place: Place) => readonly InternalCommand[])(event, place);
