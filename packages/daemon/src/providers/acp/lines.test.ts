import { once } from "node:events";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter, openWire } from "./lines.ts";

describe("the splitter", () => {
  it("ORC-30 finds the same lines however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme" }).filter((line) => !line.includes("\n"))),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          const splitter = new LineSplitter(1_000_000, () => {});
          const found: string[] = [];
          for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            for (const line of splitter.push(bytes.subarray(start, start + size))) found.push(line.toString());
            start += size;
          }
          expect(found).toEqual(lines);
        },
      ),
    );
  });
  it("ORC-30 skips a line over the limit, reports it once and goes on with the next", () => {
    let overlong = 0;
    const splitter = new LineSplitter(10, () => {
      overlong += 1;
    });
    const found = [..."abc\n", ..."x".repeat(50), ..."\nend\n"].flatMap((byte) =>
      [...splitter.push(Buffer.from(byte))].map(String),
    );
    expect(found).toEqual(["abc", "end"]);
    expect(overlong).toBe(1);
  });
});

const openTestWire = () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const malformed: string[] = [];
  const updates: unknown[] = [];
  const wire = openWire({
    input,
    output,
    lineMaxBytes: 1_000,
    onUpdate: (params) => updates.push(params),
    onMalformed: (excerpt) => malformed.push(excerpt),
    ready: () => undefined,
  });
  const receive = async (): Promise<unknown[]> => {
    output.end();
    const messages: unknown[] = [];
    for await (const message of wire.readable) messages.push(message);
    return messages;
  };
  return { input, output, malformed, updates, receive, wire };
};
const line = (message: object): string => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;

describe("the wire", () => {
  it("ORC-30 counts and skips what is no message, and keeps the rest in order", async () => {
    const { output, receive, malformed } = openTestWire();
    output.write(
      `Welcome!\n\n  \n[1,2]\n"text"\n{"id":1}\n${line({ method: "a" })}{"jsonrpc":"2.0"\n${"y".repeat(5_000)}\n${line({ id: 7, method: "b" })}`,
    );
    expect(await receive()).toEqual([
      { jsonrpc: "2.0", method: "a" },
      { jsonrpc: "2.0", id: 7, method: "b" },
    ]);
    expect(malformed).toHaveLength(6);
    expect(Math.max(...malformed.map((excerpt) => excerpt.length))).toBeLessThanOrEqual(200);
  });
  it("ORC-30 drops an answer to nothing, and a second answer to the same request", async () => {
    const { output, receive, malformed, wire, input } = openTestWire();
    const writer = wire.writable.getWriter();
    await writer.write({ jsonrpc: "2.0", id: 0, method: "session/prompt" });
    expect(String((await once(input, "data"))[0])).toBe(line({ id: 0, method: "session/prompt" }));
    output.write(
      line({ id: 5, result: {} }) + line({ id: 0, result: { stopReason: "end_turn" } }) + line({ id: 0, result: {} }),
    );
    expect(await receive()).toEqual([{ jsonrpc: "2.0", id: 0, result: { stopReason: "end_turn" } }]);
    expect(malformed).toHaveLength(2);
  });
  it("ORC-29 hands updates over in the order of the lines, before a later answer", async () => {
    const { output, receive, updates } = openTestWire();
    output.write(
      line({ method: "session/update", params: { n: 1 } }) +
        line({ method: "session/update", params: { n: 2 } }) +
        line({ method: "other" }),
    );
    expect(await receive()).toEqual([{ jsonrpc: "2.0", method: "other" }]);
    expect(updates).toEqual([{ n: 1 }, { n: 2 }]);
  });
  it("ORC-30 refuses requests beyond 256 open ones, so that a flood of them is bounded", async () => {
    const { output, receive, input } = openTestWire();
    const answers: string[] = [];
    input.on("data", (chunk: Buffer) => answers.push(...chunk.toString().trim().split("\n")));
    for (let id = 0; id < 300; id += 1) output.write(line({ id, method: "fs/read_text_file" }));
    expect(await receive()).toHaveLength(256);
    expect(answers).toHaveLength(44);
    expect(answers[0]).toContain("More than 256 requests are open");
  });
  it("ORC-29 reads nothing more while a delivery is pending", async () => {
    const output = new PassThrough();
    const seen: unknown[] = [];
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const wire = openWire({
      input: new PassThrough(),
      output,
      lineMaxBytes: 1_000,
      onUpdate: (params) => seen.push(params),
      onMalformed: () => {},
      ready: () => (seen.length === 1 ? held : undefined),
    });
    const reader = wire.readable.getReader();
    output.end(
      line({ method: "session/update", params: 1 }) +
        line({ method: "session/update", params: 2 }) +
        line({ method: "end" }),
    );
    const first = reader.read();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([1]);
    release();
    expect((await first).value).toEqual({ jsonrpc: "2.0", method: "end" });
    expect(seen).toEqual([1, 2]);
  });
});
