import { createHash, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CHUNK_THRESHOLD_BYTES,
  CHUNKED_MAX_CHARACTERS,
  encodeFrame,
  FRAME_MAX_BYTES,
  type Frame,
  FrameReader,
  type JournalId,
} from "./index.ts";

const digest = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
const encode = (frame: Frame): string[] => encodeFrame(frame, { digest, chunkId: () => randomUUID() });
const reader = (limits = {}): FrameReader => new FrameReader({ digest, limits });
const response = (text: string): Frame => ({ type: "response", requestId: "r", result: { text } });
const code = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing was thrown";
};
const chunked = (text = "x".repeat(CHUNK_THRESHOLD_BYTES + 1)): string[] => encode(response(text));

describe("frames as text", () => {
  it("DMN-16 a frame up to 768 KiB is one text, a larger one goes in numbered chunks below 1 MiB each", () => {
    expect(encode({ type: "ping", nonce: "n" })).toEqual(['{"type":"ping","nonce":"n"}']);
    const texts = chunked('\u{1F600}"\\\u0000é'.repeat(200_000));
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThan(FRAME_MAX_BYTES);
  });

  it("DMN-16 what goes out comes back, whatever the text, also cut inside a surrogate pair", () => {
    const unit = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
      fc.constantFrom("\ud83d", "\ude00", '"', "\\", "\u0000"),
    );
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 3 }), (parts, size) => {
        const piece = parts.join("");
        const frame = response(piece.repeat(Math.ceil((size * 300_000) / piece.length) + 1));
        const side = reader();
        const frames = encode(frame).map((text) => side.read(text));
        expect(frames.slice(0, -1).every((read) => read === null)).toBe(true);
        expect(frames.at(-1)).toEqual(frame);
      }),
      { numRuns: 25 },
    );
  });

  it("a frame beyond eight million characters is refused by its sender", () => {
    expect(code(() => encode(response("x".repeat(CHUNKED_MAX_CHARACTERS))))).toBe("payload_too_large");
  });

  it("texts that are no frame are refused by code and leave the reader as it was", () => {
    const side = reader();
    const wrong = [
      "",
      "nothing",
      "null",
      "[]",
      "{}",
      '{"type":"unknown"}',
      '{"type":"ping"}',
      '{"type":"ingest.batch","journalId":"j","firstSequence":1,"entries":[]}',
    ];
    for (const text of wrong) expect(code(() => side.read(text))).toBe("uplink.frame_invalid");
    expect(code(() => side.read(`{"type":"ping","nonce":"${"x".repeat(FRAME_MAX_BYTES)}"}`))).toBe(
      "uplink.frame_invalid",
    );
    expect(side.read('{"type":"ping","nonce":"n"}')).toEqual({ type: "ping", nonce: "n" });
  });

  it("whatever bytes come, the reader answers with a frame, null or one code", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect([code(() => reader().read(text)), "uplink.frame_invalid"]).toContain("uplink.frame_invalid");
        },
      ),
    );
  });

  it("an unknown key of a newer side is dropped, not refused", () => {
    expect(reader().read('{"type":"pong","nonce":"n","later":1}')).toEqual({ type: "pong", nonce: "n" });
  });
});

describe("chunks", () => {
  it("chunks of two frames may come mixed", () => {
    const side = reader();
    const [one, other] = [chunked("a".repeat(900_000)), chunked("b".repeat(900_000))];
    const results = one.flatMap((text, index) => [side.read(text), side.read(other[index] ?? "")]);
    expect(results.filter((frame) => frame !== null)).toHaveLength(2);
  });

  it("a chunk out of order, twice, or with another count or digest ends its set", () => {
    const [first = "", second = ""] = chunked();
    const changed = (fields: object): string => JSON.stringify({ ...JSON.parse(second), ...fields });
    for (const wrong of [changed({ index: 2 }), changed({ count: 9 }), changed({ digest: "0".repeat(64) }), first]) {
      const side = reader();
      expect(side.read(first)).toBeNull();
      expect(code(() => side.read(wrong))).toBe("uplink.frame_invalid");
      // The rest of the set belongs to nothing now.
      expect(code(() => side.read(second))).toBe("uplink.frame_invalid");
    }
    expect(code(() => reader().read(second))).toBe("uplink.frame_invalid");
  });

  it("text that was changed on the way does not get through", () => {
    const texts = chunked();
    const side = reader();
    const last = JSON.parse(texts.at(-1) ?? "") as { data: string };
    const changed = JSON.stringify({ ...last, data: last.data.replace("x", "y") });
    for (const text of texts.slice(0, -1)) side.read(text);
    expect(code(() => side.read(changed))).toBe("uplink.frame_invalid");
  });

  it("chunks inside chunks are refused", () => {
    const [inner = ""] = chunked();
    const text = JSON.stringify(JSON.parse(inner));
    const outer = {
      type: "chunk",
      chunkId: "c",
      index: 0,
      count: 1,
      digest: digest(text),
      data: text.slice(0, 256 * 1024),
    };
    expect(code(() => reader().read(JSON.stringify({ ...outer, digest: digest(outer.data) })))).toBe(
      "uplink.frame_invalid",
    );
    const small = JSON.stringify({ type: "chunk", chunkId: "i", index: 0, count: 1, digest: digest("x"), data: "x" });
    expect(
      code(() =>
        reader().read(
          JSON.stringify({ type: "chunk", chunkId: "o", index: 0, count: 1, digest: digest(small), data: small }),
        ),
      ),
    ).toBe("uplink.frame_invalid");
  });

  it("unfinished sets are limited in number and in size", () => {
    const open = (chunkId: string, size = 10): string =>
      JSON.stringify({ type: "chunk", chunkId, index: 0, count: 2, digest: "0".repeat(64), data: "x".repeat(size) });
    const many = reader({ chunkSetsMax: 2 });
    many.read(open("a"));
    many.read(open("b"));
    expect(code(() => many.read(open("c")))).toBe("uplink.frame_invalid");
    const large = reader({ chunkedMaxCharacters: 100 });
    large.read(open("a", 90));
    expect(code(() => large.read(open("b", 20)))).toBe("uplink.frame_invalid");
    expect(large.read('{"type":"pong","nonce":"n"}')).not.toBeNull();
  });
});

it("DMN-16 a batch of the journal travels unchanged", () => {
  const frame = reader().read(
    JSON.stringify({
      type: "ingest.batch",
      journalId: "j",
      firstSequence: 1,
      entries: [
        {
          sequence: 1,
          command: {
            type: "thread.message.assistant.delta",
            threadId: "t",
            turnId: "u",
            messageId: "m",
            offset: 0,
            text: "é😀",
          },
          correlationId: null,
          createdAt: "2026-01-01T00:00:00.000Z",
        },
      ],
    }),
  );
  expect(frame).toMatchObject({ journalId: "j" as JournalId, entries: [{ command: { text: "é😀" } }] });
});
