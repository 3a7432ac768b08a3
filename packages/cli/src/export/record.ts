// The record as JSON Lines: a header that says what it is and where it stands, the events as they stand on the wire in
// the order of the log, and a trailer with their number and a digest of every byte before it, so that a file that was cut
// or changed is noticed.
import { createHash } from "node:crypto";
import { WireEvent } from "@muster/contracts";
import { z } from "zod";

/** Raised when a reader of older files could no longer read newer ones. */
export const RECORD_VERSION = 1;

export const RecordHeader = z.object({
  type: z.literal("header"),
  format: z.literal("muster-record"),
  version: z.literal(RECORD_VERSION),
  generation: z.string(),
  /** Of the payloads that the hub writes today; each event names its own. */
  schemaVersion: z.string(),
  /** The log's end when the record was begun; nothing later is in it. */
  headSequence: z.int().min(0),
  exportedAt: z.string(),
  scope: z.object({ threadId: z.string().optional(), projectId: z.string().optional() }),
});
export type RecordHeader = z.infer<typeof RecordHeader>;

export const RecordTrailer = z.object({
  type: z.literal("trailer"),
  events: z.int().min(0),
  /** 0 where there is no event. */
  lastSequence: z.int().min(0),
  /** SHA-256 of all lines before this one, their newlines included. */
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});

/** Makes the lines, one after the other. */
export class RecordWriter {
  readonly #hash = createHash("sha256");
  #events = 0;
  #lastSequence = 0;

  get events(): number {
    return this.#events;
  }

  header(header: Omit<RecordHeader, "type" | "format" | "version">): string {
    return this.#line({ type: "header", format: "muster-record", version: RECORD_VERSION, ...header });
  }

  event(event: WireEvent): string {
    this.#events += 1;
    this.#lastSequence = event.sequence;
    return this.#line({ type: "event", event });
  }

  trailer(): string {
    const digest = `sha256:${this.#hash.copy().digest("hex")}`;
    return this.#line({ type: "trailer", events: this.#events, lastSequence: this.#lastSequence, digest });
  }

  #line(value: object): string {
    const line = `${JSON.stringify(value)}\n`;
    this.#hash.update(line);
    return line;
  }
}

const EventLine = z.object({ type: z.literal("event"), event: WireEvent });
const Line = z.discriminatedUnion("type", [RecordHeader, EventLine, RecordTrailer]);

/** Why the lines are no whole record, in a sentence; null where they are one. */
export async function findFault(lines: AsyncIterable<string> | Iterable<string>): Promise<string | null> {
  const writer = new RecordWriter();
  let count = 0;
  let last = 0;
  let hasEnded = false;
  const hash = createHash("sha256");
  for await (const text of lines) {
    count += 1;
    const line = readLine(text);
    if (line === null) return `Line ${count} is none of a record.`;
    if (hasEnded) return `Line ${count} comes after the trailer.`;
    if ((line.type === "header") !== (count === 1)) return `Line ${count} is no ${count === 1 ? "header" : "event"}.`;
    if (line.type === "event") {
      if (line.event.sequence <= last) return `Line ${count} is out of order.`;
      last = line.event.sequence;
      writer.event(line.event);
    }
    if (line.type === "trailer") {
      if (line.digest !== `sha256:${hash.digest("hex")}`) return "The digest is another one: a line was changed.";
      if (line.events !== writer.events || line.lastSequence !== last) return "The trailer counts other events.";
      hasEnded = true;
    } else hash.update(`${text}\n`);
  }
  return hasEnded ? null : "It ends without a trailer: something is missing.";
}

function readLine(text: string): z.infer<typeof Line> | null {
  try {
    const line = Line.safeParse(JSON.parse(text));
    return line.success ? line.data : null;
  } catch {
    return null;
  }
}
