import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteTail, childEnvironment } from "./index.ts";

describe("the tail of a stream", () => {
  it("ORC-32 is the end of what was pushed, within the limit, and begins with a whole character", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.integer({ min: 8, max: 64 }), (texts, maxBytes) => {
        const tail = new ByteTail(maxBytes);
        for (const text of texts) tail.push(Buffer.from(text));
        const all = texts.join("");
        expect(all.endsWith(tail.text())).toBe(true);
        expect(Buffer.byteLength(tail.text())).toBeLessThanOrEqual(maxBytes);
        expect(Buffer.byteLength(tail.text())).toBeGreaterThanOrEqual(Math.min(Buffer.byteLength(all), maxBytes - 3));
        expect(tail.truncated).toBe(Buffer.byteLength(all) > maxBytes);
      }),
    );
  });
});

describe("the environment of a child", () => {
  const base = {
    PATH: "/bin",
    HOME: "/h",
    LC_ALL: "C",
    JAVA_HOME: "/java",
    GOPATH: "/go",
    MUSTER_DATABASE_URL: "secret",
    MUSTER_HOME: "/m",
    PGPASSWORD: "secret",
    ANTHROPIC_API_KEY: "key",
    NODE_OPTIONS: "--inspect",
    UNSET: undefined,
  };
  it("ORC-30 holds what programs need, and nothing of ours or anyone's secrets", () => {
    expect(childEnvironment({ base })).toEqual({
      PATH: "/bin",
      HOME: "/h",
      LC_ALL: "C",
      JAVA_HOME: "/java",
      GOPATH: "/go",
    });
  });
  it("ORC-30 holds what the agent's configuration names, and its own variables over it", () => {
    expect(childEnvironment({ base, pass: ["ANTHROPIC_*", "MUSTER_HOME"], extra: { HOME: "/other", X: "1" } })).toEqual(
      {
        PATH: "/bin",
        HOME: "/other",
        LC_ALL: "C",
        JAVA_HOME: "/java",
        GOPATH: "/go",
        ANTHROPIC_API_KEY: "key",
        MUSTER_HOME: "/m",
        X: "1",
      },
    );
  });
});
