// Keeps answers below their limit of bytes. What is left out first is what has a read of its own: diffs and their file
// lists, scripts of one project, the events of a thread in pages. A cut text says that it is cut. Pure.
import type {
  ActivityRow,
  ApprovalRow,
  CheckpointRow,
  MessageRow,
  PlanEntry,
  ProjectRow,
  ThreadSummary,
  TurnRow,
} from "@muster/contracts";
import { READ_MAX_BYTES } from "@muster/contracts";

/** Room for what surrounds the rows. */
export const ENVELOPE_BYTES = 4 * 1024;
/** Bytes of a snapshot that projects may take from its threads. */
const PROJECTS_MAX_BYTES = READ_MAX_BYTES / 2;
/** A row's JSON, or a field of it, that is small enough to stay whole. */
const SMALL_BYTES = 4 * 1024;
/** Characters of a value that stays in a shortened payload. */
const VALUE_KEPT_CHARACTERS = 512;
/** Bytes of a plan that stays whole. */
const PLAN_KEPT_BYTES = 128 * 1024;
const PLAN_ENTRY_KEPT_CHARACTERS = 160;
/** Longest texts of messages, tried one after the other. */
const TEXT_STEPS = [256 * 1024, 64 * 1024, 16 * 1024, 4 * 1024, 1024];

export const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Each row is measured once, however often a window is tried. */
const weights = new WeakMap<object, number>();

const weigh = (row: object): number => {
  let bytes = weights.get(row);
  if (bytes === undefined) {
    bytes = jsonBytes(row) + 1;
    weights.set(row, bytes);
  }
  return bytes;
};

export const weighAll = (rows: readonly object[]): number => rows.reduce((sum: number, row) => sum + weigh(row), 0);

/** Says how many bytes of JSON a row is at most, where that is known more cheaply than by writing it. */
export const setWeight = (row: object, bytes: number): void => void weights.set(row, bytes);

/** The newest projects and as many threads, from the first, as fit. */
export function fitSnapshot(
  projects: ProjectRow[],
  threads: ThreadSummary[],
): { projects: ProjectRow[]; threads: ThreadSummary[] } {
  let shown = projects;
  if (jsonBytes(shown) > PROJECTS_MAX_BYTES)
    shown = shown.map((project) => (jsonBytes(project) > SMALL_BYTES ? { ...project, scripts: [] } : project));
  while (jsonBytes(shown) > PROJECTS_MAX_BYTES) shown = shown.slice(Math.ceil(shown.length / 4));
  let bytes = ENVELOPE_BYTES + jsonBytes(shown);
  const fitting = threads.findIndex((thread) => {
    bytes += jsonBytes(thread) + 1;
    return bytes > READ_MAX_BYTES;
  });
  return { projects: shown, threads: fitting < 0 ? threads : threads.slice(0, fitting) };
}

export interface WindowParts {
  /** Newest first, without a gap; the other lists oldest first. */
  readonly turns: TurnRow[];
  /** Stay whatever else is dropped; some may stand in `turns` too. */
  readonly heldTurns: TurnRow[];
  readonly messages: MessageRow[];
  readonly activities: ActivityRow[];
  readonly checkpoints: CheckpointRow[];
  readonly approvals: ApprovalRow[];
  readonly plan: PlanEntry[];
  readonly isCut: boolean;
}

/** The held turns that do not stand among the others, newest first as they are. */
export function behind(turns: readonly TurnRow[], heldTurns: readonly TurnRow[]): TurnRow[] {
  const known = new Set(turns.map((turn) => turn.turnId));
  const order = ({ requestedAt, turnId }: TurnRow): string => `${requestedAt}~${turnId}`;
  return heldTurns
    .filter((turn) => !known.has(turn.turnId))
    .sort((first, second) => (order(first) < order(second) ? 1 : -1));
}

/**
 * Drops the oldest turns until the window fits, but those that are held; of what stays and is too large even so, its
 * largest texts. Approvals that wait for an answer are the last to go.
 */
export function fitWindow(parts: WindowParts, surroundings: object): WindowParts {
  const maxBytes = READ_MAX_BYTES - ENVELOPE_BYTES - jsonBytes(surroundings);
  const fits = (window: WindowParts): boolean =>
    weighAll(window.turns) +
      weighAll(behind(window.turns, window.heldTurns)) +
      LISTS.reduce((sum, list) => sum + weighAll(window[list]), weigh(window.plan)) <=
    maxBytes;
  let window = parts;
  while (!fits(window) && window.turns.length > 1) window = withoutOldest(window);
  for (const lighten of LIGHTER) {
    if (fits(window)) return window;
    window = lighten(window);
  }
  for (const characters of TEXT_STEPS) {
    if (fits(window)) return window;
    window = { ...window, messages: window.messages.map((message) => cutMessage(message, characters)) };
  }
  // Thousands of small rows: the newest are the ones people look at.
  for (let list = largestList(window); list !== null && !fits(window); list = largestList(window))
    window = withoutOlderHalf(window, list);
  return window;
}

const LISTS = ["activities", "messages", "approvals", "checkpoints"] as const;

type List = (typeof LISTS)[number];

const isPending = (row: object): boolean => "status" in row && row.status === "pending";

/** The list that takes the most bytes, of those with more than one row; approvals that all wait only after the others. */
function largestList(window: WindowParts): List | null {
  const long = LISTS.filter((list) => window[list].length > 1);
  const bytes = (list: List): number =>
    list === "approvals" && window.approvals.every(isPending) ? 0 : weighAll(window[list]);
  return long.sort((a, b) => bytes(b) - bytes(a))[0] ?? null;
}

/** First of what comes again, in its turn's own page. */
function withoutOlderHalf(window: WindowParts, list: List): WindowParts {
  const rows: readonly { turnId: string | null }[] = window[list];
  const again = new Set<string | null>(behind(window.turns, window.heldTurns).map((turn) => turn.turnId));
  const spared = rows.filter((row) => !isPending(row));
  const [from = rows] = [spared.filter((row) => again.has(row.turnId)), spared].filter(({ length }) => length > 0);
  const dropped = new Set(from.slice(0, Math.ceil(from.length / 2)));
  return { ...window, [list]: rows.filter((row) => !dropped.has(row)) };
}

/** Fewer turns by a quarter, and with them what is theirs or older; what is held stays. */
function withoutOldest(window: WindowParts): WindowParts {
  const turns = window.turns.slice(0, Math.max(1, Math.floor((window.turns.length * 3) / 4)));
  const kept = new Set<string | null>([...turns, ...window.heldTurns].map((turn) => turn.turnId));
  const begin = turns.at(-1)?.requestedAt ?? "";
  const isKept = ({ turnId, createdAt }: { turnId: string | null; createdAt: string }): boolean =>
    turnId === null ? createdAt >= begin : kept.has(turnId);
  return {
    ...window,
    turns,
    messages: window.messages.filter(isKept),
    activities: window.activities.filter(isKept),
    checkpoints: window.checkpoints.filter((checkpoint) => kept.has(checkpoint.turnId)),
    approvals: window.approvals.filter(isKept),
    isCut: true,
  };
}

const LIGHTER: readonly ((window: WindowParts) => WindowParts)[] = [
  (window) => ({ ...window, activities: window.activities.map(lightActivity) }),
  (window) => ({ ...window, checkpoints: window.checkpoints.map(lightCheckpoint) }),
  (window) => ({ ...window, messages: window.messages.map(withoutAttachments) }),
  (window) => ({ ...window, approvals: window.approvals.map(lightApproval) }),
  (window) => ({
    ...window,
    plan: jsonBytes(window.plan) > PLAN_KEPT_BYTES ? window.plan.map(lightEntry) : window.plan,
  }),
];

function lightActivity(activity: ActivityRow): ActivityRow {
  // What is small as a whole has small parts.
  if (weigh(activity) <= SMALL_BYTES || jsonBytes(activity.payload) <= SMALL_BYTES) return activity;
  const short = Object.entries(activity.payload).filter(
    ([, value]) => typeof value !== "object" && String(value).length <= VALUE_KEPT_CHARACTERS,
  );
  return { ...activity, payload: { ...Object.fromEntries(short.slice(0, 16)), truncated: true } };
}

const lightCheckpoint = (checkpoint: CheckpointRow): CheckpointRow =>
  jsonBytes(checkpoint.files) > SMALL_BYTES ? { ...checkpoint, files: [] } : checkpoint;

const withoutAttachments = (message: MessageRow): MessageRow =>
  weigh(message) <= SMALL_BYTES || jsonBytes(message.attachments) <= SMALL_BYTES
    ? message
    : {
        ...message,
        attachments: message.attachments.map((one) => ({ ...one, text: `[${one.text.length} characters left out]` })),
      };

/** Without the tool call, whose texts are the bulk of it: it is an activity of its own. */
function lightApproval(approval: ApprovalRow): ApprovalRow {
  if (weigh(approval) <= SMALL_BYTES || jsonBytes(approval.payload) <= SMALL_BYTES) return approval;
  const { tool: _tool, ...payload } = approval.payload;
  return { ...approval, payload };
}

const lightEntry = (entry: PlanEntry): PlanEntry => ({
  ...entry,
  content: entry.content.slice(0, PLAN_ENTRY_KEPT_CHARACTERS),
});

/** Beginning and end of a long text, and between them how much is missing. */
function cutMessage(message: MessageRow, characters: number): MessageRow {
  const { text } = message;
  if (text.length <= characters) return message;
  const half = Math.floor(characters / 2);
  const notice = `\n[${text.length - 2 * half} characters left out]\n`;
  const cut = `${text.slice(0, half)}${notice}${text.slice(text.length - half)}`.toWellFormed();
  return cut.length < text.length ? { ...message, text: cut } : message;
}
