// Reading a JSON body within limits: type and length are looked at before the first byte, bytes are counted as they
// come, nesting is counted before the parser runs. The library gets a parsed value and never the stream.
import type { IncomingMessage, ServerResponse } from "node:http";
import { MusterError } from "@muster/contracts";

export interface BodyLimits {
  readonly maxBytes: number;
  readonly depthMax: number;
  /** A refused body of at most this many bytes is left to Node to read and drop, so the connection stays good. */
  readonly discardMaxBytes: number;
  /** All of it must have arrived within this time; the server's own limit counts when absent. */
  readonly timeoutMs?: number;
}

const tooLarge = (maxBytes: number): MusterError => new MusterError("payload_too_large", undefined, { maxBytes });

/** Sent again it may well arrive; of this connection nothing more is read. */
class BodyTooLate extends MusterError {
  constructor() {
    super("unavailable", "The request did not arrive in time.");
  }
}

const declaredLength = (request: IncomingMessage): number | undefined => {
  const value = request.headers["content-length"];
  return value === undefined ? undefined : Number(value);
};

/** True when the request announces a body. */
export const hasBody = (request: IncomingMessage): boolean =>
  request.headers["transfer-encoding"] !== undefined || (declaredLength(request) ?? 0) > 0;

/** After a refusal: what the client still sends is dropped when it is bounded, else the connection ends with the answer. */
export const refuseRest = (request: IncomingMessage, response: ServerResponse, discardMaxBytes: number): void => {
  if (request.complete || response.headersSent) return;
  const length = declaredLength(request) ?? (hasBody(request) ? Number.POSITIVE_INFINITY : 0);
  if (length > discardMaxBytes) response.setHeader("connection", "close");
};

const checkHeaders = (request: IncomingMessage, maxBytes: number): void => {
  if ((declaredLength(request) ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new MusterError("malformed_request", "An encoded body is not taken.");
  }
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new MusterError("malformed_request", "The content type must be application/json.");
  }
};

/** Resolves with all bytes; rejects as soon as there are more than `maxBytes` or time is up, and then reads no further. */
const readBytes = (request: IncomingMessage, { maxBytes, timeoutMs }: BodyLimits): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onLost).off("close", onLost);
      finish();
    };
    const lost = new MusterError("malformed_request", "The body ended too early.");
    if (request.destroyed) {
      reject(lost);
      return;
    }
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBytes) return;
      request.pause();
      settle(() => reject(tooLarge(maxBytes)));
    };
    const onLate = (): void => {
      request.pause();
      settle(() => reject(new BodyTooLate()));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(onLate, timeoutMs);
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)));
    const onLost = (): void => settle(() => reject(lost));
    request.on("data", onData).on("end", onEnd).on("error", onLost).on("close", onLost);
  });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** How deep brackets nest outside strings. Right for well-formed JSON; the parser refuses the rest. */
export const nestingDepth = (bytes: Uint8Array): number => {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (OPENING.has(byte)) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (CLOSING.has(byte)) depth -= 1;
  }
  return deepest;
};

const parse = (bytes: Buffer, depthMax: number): unknown => {
  if (nestingDepth(bytes) > depthMax) {
    throw new MusterError("malformed_request", `The JSON nests deeper than ${depthMax} levels.`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new MusterError("malformed_request", "The body is not well-formed JSON in UTF-8.", undefined, {
      cause: error,
    });
  }
};

/**
 * The parsed body; an empty object when there is none. Throws `payload_too_large` (before the body is read where its
 * length is declared, and at the first byte too many where it is not), `malformed_request`, or `unavailable` where it came too late.
 */
export const readJsonBody = async (
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<unknown> => {
  if (!hasBody(request)) return {};
  checkHeaders(request, limits.maxBytes);
  const isAsked = request.headers.expect?.toLowerCase() === "100-continue";
  // What broke off while it was looked up who sends it has its answer already, and Node throws at a second one.
  if (isAsked && !response.headersSent) response.writeContinue();
  const bytes = await readBytes(request, limits).catch((error: unknown) => {
    if (error instanceof BodyTooLate && !response.headersSent) response.setHeader("connection", "close");
    throw error;
  });
  return bytes.length === 0 ? {} : parse(bytes, limits.depthMax);
};
