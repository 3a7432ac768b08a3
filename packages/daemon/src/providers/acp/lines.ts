// The wire: JSON messages, one a line, between us and the agent's pipes. The SDK's own reader ends the connection at
// an overlong line and answers every malformed one; here both are counted and skipped, so that a chatty or broken
// agent costs neither memory nor the turn. Updates are handed over here, in the order of the lines: through the SDK
// an answer could overtake the updates before it, and an update of a kind it does not know would be lost with a log line.
import type { Readable, Writable } from "node:stream";
import type { AnyMessage, Stream } from "@agentclientprotocol/sdk";
import { fieldsOf } from "./text.ts";

/** Requests of the agent that are not answered yet; further ones are refused. */
const OPEN_REQUESTS_MAX = 256;
/** Bytes waiting in the agent's standard input above which we read nothing more from it. */
const UNREAD_INPUT_MAX_BYTES = 16 * 1024 * 1024;
const EXCERPT_MAX_BYTES = 200;
const NEWLINE = 0x0a;

/** Splits chunks into lines without their newline; a line over the limit is skipped to its end and reported once. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onOverlong: (start: Buffer) => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #skipping = false;

  constructor(maxBytes: number, onOverlong: (start: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onOverlong = onOverlong;
  }

  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      if (!this.#skipping)
        yield this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#bytes = 0;
      this.#skipping = false;
    }
    this.#keep(chunk.subarray(start));
  }

  /** The last line, if it came without a newline. */
  rest(): Buffer {
    return this.#skipping ? Buffer.alloc(0) : Buffer.concat(this.#parts);
  }

  #keep(part: Buffer): void {
    if (this.#skipping || part.byteLength === 0) return;
    this.#parts.push(part);
    this.#bytes += part.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    this.#onOverlong(this.#parts[0] ?? part);
    this.#parts = [];
    this.#skipping = true;
  }
}

export interface WireOptions {
  readonly input: Writable;
  readonly output: Readable;
  readonly lineMaxBytes: number;
  /** Params of a `session/update`, as they came. */
  onUpdate(params: unknown): void;
  /** The beginning of a line that is no message. */
  onMalformed(excerpt: string): void;
  /** Waited for before the next line is read. */
  ready(): Promise<void> | undefined;
}

const parse = (line: Buffer): unknown => {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
};

/** Opens the wire. Its readable ends with the agent's standard output. */
export const openWire = (options: WireOptions): Stream => {
  const asked = new Set<string | number | null>();
  let openRequests = 0;
  const send = (message: unknown): void => {
    if (!options.input.writable) throw new Error("the agent's standard input is closed");
    options.input.write(`${JSON.stringify(message)}\n`);
  };
  const malformed = (line: Buffer): void =>
    options.onMalformed(line.subarray(0, EXCERPT_MAX_BYTES).toString("utf8").toWellFormed());

  /** The message, if it is one for the SDK. */
  const take = (line: Buffer): AnyMessage | undefined => {
    if (line.byteLength === 0 || (line.byteLength < 16 && line.toString("utf8").trim() === "")) return undefined;
    const value = parse(line);
    const message = fieldsOf(value);
    if (message["jsonrpc"] !== "2.0") {
      malformed(line);
      return undefined;
    }
    const method = message["method"];
    const id = message["id"];
    if (method === "session/update" && !("id" in message)) {
      options.onUpdate(message["params"]);
      return undefined;
    }
    const hasId = typeof id === "string" || typeof id === "number";
    if (typeof method === "string") {
      if (hasId) {
        if (openRequests >= OPEN_REQUESTS_MAX) {
          send({
            jsonrpc: "2.0",
            id,
            error: {
              code: -32603,
              message: `More than ${OPEN_REQUESTS_MAX} requests are open; wait for an answer first.`,
            },
          });
          return undefined;
        }
        openRequests += 1;
      }
      return message as AnyMessage;
    }
    // An answer to nothing, or a second one to the same request.
    if (!hasId || !asked.delete(id) || !("result" in message || "error" in message)) {
      malformed(line);
      return undefined;
    }
    return message as AnyMessage;
  };

  const pause = async (): Promise<void> => {
    await options.ready();
    while (options.input.writableLength > UNREAD_INPUT_MAX_BYTES) {
      await new Promise<void>((resolve) => {
        options.input.once("drain", resolve);
        options.input.once("close", resolve);
      });
      if (!options.input.writable) return;
    }
  };

  const messages = async function* (): AsyncGenerator<AnyMessage> {
    const splitter = new LineSplitter(options.lineMaxBytes, malformed);
    for await (const chunk of options.output) {
      for (const line of splitter.push(chunk as Buffer)) {
        const message = take(line);
        if (message !== undefined) yield message;
        await pause();
      }
    }
    const last = take(splitter.rest());
    if (last !== undefined) yield last;
  };

  return {
    readable: ReadableStream.from(messages()) as ReadableStream<AnyMessage>,
    writable: new WritableStream<AnyMessage>({
      write(message) {
        const { method, id } = message as { method?: string; id?: string | number | null };
        if (id !== undefined) {
          if (method === undefined) openRequests -= 1;
          else asked.add(id);
        }
        send(message);
      },
    }),
  };
};
