// Frames as text: one text per frame, or numbered chunks where one would be too large. Both ends of the uplink use this
// one codec. Pure: the digest is passed in. Whatever the other side sends, a reader's memory stays within named limits.
import { MusterError } from "./errors.ts";
import { byteLength } from "./text.ts";
import {
  CHUNK_CHARACTERS,
  CHUNK_THRESHOLD_BYTES,
  CHUNKED_MAX_CHARACTERS,
  FRAME_MAX_BYTES,
  Frame,
  type FrameOf,
} from "./uplink.ts";

/** SHA-256 in hex of a UTF-8 text. */
export type Digest = (text: string) => string;

export interface FrameLimits {
  /** Sets of chunks that may be under way at once. */
  readonly chunkSetsMax: number;
  /** Characters of all unfinished sets together. */
  readonly chunkedMaxCharacters: number;
}

export const FRAME_LIMITS: FrameLimits = { chunkSetsMax: 4, chunkedMaxCharacters: 2 * CHUNKED_MAX_CHARACTERS };

/** Whether a text stays below the limit, without counting where its length alone tells. */
const fits = (text: string, maxBytes: number): boolean =>
  text.length * 3 <= maxBytes || (text.length <= maxBytes && byteLength(text) <= maxBytes);

/**
 * The texts to send for a frame, in order: one, or its chunks.
 * @param chunkId called once, for a frame that needs chunks; new for every frame of a connection
 * @throws MusterError `payload_too_large` for a frame beyond CHUNKED_MAX_CHARACTERS.
 */
export function encodeFrame(
  frame: Frame,
  options: { readonly digest: Digest; readonly chunkId: () => string },
): string[] {
  const text = JSON.stringify(frame);
  if (fits(text, CHUNK_THRESHOLD_BYTES)) return [text];
  if (text.length > CHUNKED_MAX_CHARACTERS) {
    throw new MusterError("payload_too_large", `A ${frame.type} frame of ${text.length} characters cannot be sent.`, {
      characters: text.length,
      maxCharacters: CHUNKED_MAX_CHARACTERS,
    });
  }
  const count = Math.ceil(text.length / CHUNK_CHARACTERS);
  const chunkId = options.chunkId();
  const digest = options.digest(text);
  return Array.from({ length: count }, (_, index) => {
    const data = text.slice(index * CHUNK_CHARACTERS, (index + 1) * CHUNK_CHARACTERS);
    return JSON.stringify({ type: "chunk", chunkId, index, count, digest, data } satisfies FrameOf<"chunk">);
  });
}

interface ChunkSet {
  readonly count: number;
  readonly digest: string;
  readonly parts: string[];
}

const invalid = (message: string, details?: Record<string, unknown>): MusterError =>
  new MusterError("uplink.frame_invalid", message, details);

/** Reads the texts of one connection in the order they came. */
export class FrameReader {
  readonly #digest: Digest;
  readonly #limits: FrameLimits;
  readonly #sets = new Map<string, ChunkSet>();
  #characters = 0;

  constructor(options: { readonly digest: Digest; readonly limits?: Partial<FrameLimits> }) {
    this.#digest = options.digest;
    this.#limits = { ...FRAME_LIMITS, ...options.limits };
  }

  /**
   * The frame of a text; null for a chunk that does not finish its frame.
   * @throws MusterError `uplink.frame_invalid`; a set of chunks it belonged to is forgotten then.
   */
  read(text: string): Frame | null {
    if (!fits(text, FRAME_MAX_BYTES)) throw invalid(`A frame is larger than ${FRAME_MAX_BYTES} bytes.`);
    const frame = parse(text);
    if (frame.type !== "chunk") return frame;
    const whole = this.#add(frame);
    if (whole === null) return null;
    const inner = parse(whole);
    if (inner.type === "chunk") throw invalid("A chunk holds chunks.");
    return inner;
  }

  #add(chunk: FrameOf<"chunk">): string | null {
    const { chunkId, index, count, digest, data } = chunk;
    const known = this.#sets.get(chunkId);
    const fitting =
      known === undefined
        ? index === 0
        : known.parts.length === index && known.count === count && known.digest === digest;
    if (!fitting) throw this.#drop(chunkId, "A chunk came out of order, or differs from the ones before it.");
    if (known === undefined && this.#sets.size >= this.#limits.chunkSetsMax)
      throw invalid("Too many frames in chunks at once.");
    if (this.#characters + data.length > this.#limits.chunkedMaxCharacters)
      throw this.#drop(chunkId, "The chunks are too large together.");
    const set = known ?? { count, digest, parts: [] };
    if (known === undefined) this.#sets.set(chunkId, set);
    set.parts.push(data);
    this.#characters += data.length;
    if (set.parts.length < count) return null;
    const whole = set.parts.join("");
    this.#forget(chunkId);
    if (this.#digest(whole) !== digest) throw invalid("The chunks do not add up to their digest.");
    return whole;
  }

  #drop(chunkId: string, message: string): MusterError {
    this.#forget(chunkId);
    return invalid(message);
  }

  #forget(chunkId: string): void {
    const set = this.#sets.get(chunkId);
    if (set === undefined) return;
    this.#sets.delete(chunkId);
    for (const part of set.parts) this.#characters -= part.length;
  }
}

function parse(text: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("A frame is no JSON.");
  }
  const parsed = Frame.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join(".") || "frame"}: ${issue.message}`);
  throw invalid("A frame does not fit its schema.", { issues });
}
