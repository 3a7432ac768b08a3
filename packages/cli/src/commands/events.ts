// events tail: the log itself, from any place in it and on into the present.
import { type FeedMessage, isKnownEvent, type ThreadId, type WireEvent } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect, type Hub } from "../hub.ts";
import { shortId } from "../ids.ts";
import { cut, oneLine } from "../output/text.ts";
import { resolveThread } from "../reads.ts";
import type { Paint } from "../shell.ts";
import { wholeNumber } from "./thread.ts";

interface TailOptions {
  readonly after?: number;
  readonly thread?: string;
  readonly follow: boolean;
}

const PAGE_EVENTS = 500;
/** Enough to know what it was; --json has all of it. */
const SUMMARY_COLUMNS_MAX = 160;

export function addEventCommands({ program, context }: Registry): void {
  const events = program
    .command("events")
    .description("the log of everything that happened")
    .addHelpText("after", examples("events tail", "events tail --after 0 --no-follow"));
  events
    .command("tail")
    .description("print events as they happen, one per line")
    .option("--after <sequence>", "begin behind this event; 0 is the beginning, the present when absent", wholeNumber)
    .option("--thread <id>", "of one thread only")
    .option("--no-follow", "end where the log ends now")
    .addHelpText(
      "after",
      examples("events tail", "events tail --after 0 --no-follow --json", "events tail --thread 3f9ac210"),
    )
    .action((options: TailOptions, command: Command) => tailEvents(context(command), options));
}

async function tailEvents(context: Context, options: TailOptions): Promise<void> {
  const hub = connect(context);
  const signal = context.shell.interrupted();
  const threadId = options.thread === undefined ? undefined : await resolveThread(context, hub, options.thread);
  const { generation, headSequence } = await hub.api.health();
  let after = options.after ?? headSequence;
  const show = (event: WireEvent): void => {
    after = event.sequence;
    context.voice.row(event, eventLine(event, context));
  };
  while (!signal.aborted) {
    after = await readPages(hub, { after, threadId, signal, show });
    if (!options.follow) return;
    for await (const message of follow(hub, { after: `${generation}:${after}`, threadId, signal })) {
      if (message.type === "event") show(message.event);
      // Asked for what is not there yet: the present is where it goes on.
      if (message.type === "reset") after = Math.min(after, message.headSequence);
      if (message.type === "reset" && message.generation !== generation) {
        context.voice.note("The hub's database was restored; begin again with --after 0.");
        return context.exitWith(6);
      }
    }
  }
}

const follow = (
  hub: Hub,
  options: { after: string; threadId: ThreadId | undefined; signal: AbortSignal },
): AsyncGenerator<FeedMessage, void, undefined> => {
  const { threadId, ...rest } = options;
  return hub.followFeed({ ...rest, ...(threadId === undefined ? {} : { threadId }) });
};

interface Reading {
  readonly after: number;
  readonly threadId: ThreadId | undefined;
  readonly signal: AbortSignal;
  show(event: WireEvent): void;
}

/** Shows what lies between `after` and the present; returns where it ended. */
async function readPages(hub: Hub, { after, threadId, signal, show }: Reading): Promise<number> {
  let position = after;
  while (!signal.aborted) {
    const page = await hub.api.orchestration.eventsPage({
      after: position,
      limit: PAGE_EVENTS,
      ...(threadId === undefined ? {} : { threadId }),
    });
    for (const event of page.events) show(event);
    position = Math.max(position, page.nextAfter);
    if (!page.hasMore) break;
  }
  return position;
}

function eventLine(event: WireEvent, { paint, width }: Pick<Context, "paint" | "width">): string {
  const time = event.occurredAt.slice(11, 19);
  const head = `${String(event.sequence).padStart(6)}  ${time}  ${shortId(event.streamId).padEnd(8)}  `;
  const type = event.eventType.padEnd(34);
  const told = oneLine(summaryOf(event));
  const room = Math.min(SUMMARY_COLUMNS_MAX, width - head.length - type.length - 2);
  const summary = room > 10 ? cut(told, room) : told;
  return `${paint("dim", head)}${typePaint(event.eventType, paint)(type)}  ${summary}`.trimEnd().concat("\n");
}

const typePaint = (type: string, paint: Paint) => (text: string) =>
  type.includes("approval") ? paint("yellow", text) : type.endsWith("settled") ? paint("bold", text) : text;

/** What a person wants to know of an event, in a few words. */
export function summaryOf(event: WireEvent): string {
  if (!isKnownEvent(event)) return "";
  switch (event.eventType) {
    case "project.created":
      return `${event.payload.title}, ${event.payload.workspaceRoot}`;
    case "thread.created":
      return `${event.payload.title}, ${event.payload.provider}`;
    case "thread.message-sent":
      return `${event.payload.role}: ${event.payload.text}`;
    case "thread.turn-start-requested":
      return `turn ${event.payload.turnCount}`;
    case "thread.turn-queued":
      return `place ${event.payload.position}`;
    case "thread.turn-dequeued":
      return event.payload.reason;
    case "thread.turn-settled":
      return [event.payload.status, event.payload.reason, event.payload.detail].filter(Boolean).join(", ");
    case "thread.activity-appended":
      return `${event.payload.kind}: ${event.payload.summary}`;
    case "thread.approval-response-requested":
      return event.payload.decision;
    case "thread.approval-expired":
      return event.payload.reason;
    case "thread.session-set":
      return [event.payload.status, event.payload.lastError].filter(Boolean).join(", ");
    case "thread.turn-diff-completed":
      return `turn ${event.payload.turnCount}: ${event.payload.files.map(({ path }) => path).join(", ") || "nothing changed"}`;
    case "thread.reverted":
      return event.payload.error ?? `to turn ${event.payload.turnCount}`;
    default:
      return "";
  }
}
