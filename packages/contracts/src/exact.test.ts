// The quick yes says nothing that the schemas do not.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { EVENT_PAYLOADS, EVENT_TYPES, exactly } from "./index.ts";

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What the quick way says yes to comes out of the schema as it is, byte for byte. */
const expectSound = (schema: z.ZodType, isExact: (value: unknown) => boolean, value: unknown): void => {
  if (!isExact(value)) return;
  const parsed = schema.safeParse(value);
  expect(parsed.success, JSON.stringify(value)).toBe(true);
  expect(parsed.data).toEqual(value);
  // Inside a field also the order, because a row may hold it as text.
  const texts = (one: unknown) =>
    Object.entries(one as object)
      .map((field) => JSON.stringify(field))
      .sort();
  if (typeof value === "object" && value !== null) expect(texts(parsed.data)).toEqual(texts(value));
};

const turnId = "0190-turn";
const PAYLOADS: Readonly<Record<string, object>> = {
  "thread.activity-appended": { turnId, tone: "tool", kind: "tool.updated", summary: "Read", payload: { a: [1] } },
  "thread.message-sent": {
    messageId: "m",
    turnId: null,
    role: "user",
    offset: 0,
    text: "hello",
    attachments: [{ name: "a", mediaType: "b", text: "c" }],
    isStreaming: false,
  },
  "thread.turn-diff-completed": {
    turnId,
    turnCount: 1,
    checkpointRef: "refs/muster/checkpoints/thread/turn/1",
    status: "ready",
    files: [{ path: "src/a.ts", status: "modified", additions: 1, deletions: 0, binary: false }],
    truncated: false,
    assistantMessageId: null,
    pruned: true,
  },
  "thread.meta-updated": { title: "other" },
  "thread.archived": {},
};

const fieldsOf = (value: object): string[] =>
  Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`);

/** A wrong value, a missing or an unknown field, another order: somewhere in it. */
const changed = (value: unknown): fc.Arbitrary<unknown> => {
  const other = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, -1, 0.5, 1e300, "", "\0", "\ud800", [], {}));
  if (typeof value !== "object" || value === null) return other;
  const keys = Object.keys(value);
  const inside = keys.map((key) =>
    changed((value as Record<string, unknown>)[key]).map((changed) => {
      const copy = json(value) as Record<string, unknown>;
      copy[key] = changed;
      return copy;
    }),
  );
  const without = keys.map((key) =>
    fc.constant(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))),
  );
  const more = fc
    .tuple(fc.constantFrom("more", "__proto__", "constructor", "toString"), fc.jsonValue())
    .map(([key, one]) => {
      if (Array.isArray(value)) return [...value, one];
      return JSON.parse(`{${[`"${key}":${JSON.stringify(one)}`, ...fieldsOf(value)].join()}}`) as unknown;
    });
  const reversed = fc.constant(Array.isArray(value) ? value : Object.fromEntries(Object.entries(value).reverse()));
  return fc.oneof(other, more, reversed, ...inside, ...without);
};

describe("what a schema would leave as it is", () => {
  it.each(Object.entries(PAYLOADS))("is known at once for a usual payload of %s", (type, payload) => {
    expect(exactly(EVENT_PAYLOADS[type as keyof typeof EVENT_PAYLOADS])(payload)).toBe(true);
  });

  it("is never said of what it would change or refuse (ORC-6)", () => {
    for (const [type, payload] of Object.entries(PAYLOADS)) {
      const schema = EVENT_PAYLOADS[type as keyof typeof EVENT_PAYLOADS];
      const isExact = exactly(schema);
      fc.assert(
        fc.property(changed(payload), (value) => expectSound(schema, isExact, json(value))),
        { numRuns: 500 },
      );
    }
  });

  it("is never said of any JSON that a payload is not", () => {
    for (const type of EVENT_TYPES) {
      const isExact = exactly(EVENT_PAYLOADS[type]);
      fc.assert(fc.property(fc.jsonValue(), (value) => expectSound(EVENT_PAYLOADS[type], isExact, value)));
    }
  });

  it.each<[string, z.ZodType, unknown]>([
    ["a rule of one's own", z.object({ a: z.string().refine((value) => value !== "no") }), { a: "no" }],
    ["a default", z.object({ a: z.string().default("b") }), {}],
    ["a transformation", z.object({ a: z.string().transform((value) => value.length) }), { a: "a" }],
    ["a union", z.union([z.string(), z.number()]), true],
    ["a format", z.object({ at: z.iso.datetime() }), { at: "yesterday" }],
    ["a text made storable", z.object({ a: z.string().overwrite((value) => value.trim()) }), { a: " a" }],
    ["a number beyond all bounds", z.object({ a: z.number() }), JSON.parse('{"a":1e999}')],
    ["keys with a rule", z.record(z.string().max(1), z.unknown()), { ab: 1 }],
    ["values with a rule", z.record(z.string(), z.string()), { a: 1 }],
    [
      "inner fields in another order",
      z.object({ a: z.object({ b: z.string(), c: z.string() }) }),
      { a: { c: "", b: "" } },
    ],
    ["fields that would be left out", z.object({ a: z.string() }), { a: "", b: "" }],
    ["the prototype's key", z.record(z.string(), z.unknown()), JSON.parse('{"__proto__":1}')],
    ["a list where an object is asked for", z.object({}), []],
  ])("is left to the schema for %s", (_name, schema, value) => {
    expect(exactly(schema)(value)).toBe(false);
  });
});
