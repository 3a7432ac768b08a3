import { describe, expect, it } from "vitest";
import { parseTarget, secretParameter } from "./target.ts";

describe("a request target", () => {
  it("is split into path and query, with the path decoded beside it", () => {
    expect(parseTarget("/threads/a%20b?x=1?y")).toEqual({
      path: "/threads/a%20b",
      decodedPath: "/threads/a b",
      query: "?x=1?y",
    });
  });

  it.each([
    undefined,
    "",
    "*",
    "http://evil.example/",
    "//evil.example/",
    "/..",
    "/../etc/passwd",
    "/a/./b",
    "/%2e%2e/etc/passwd",
    "/%2E%2e",
    "/a/.%2e/b",
    "/assets/..%2f..%2fetc/passwd",
    "/assets%2f..%2f..%2fetc%2fpasswd",
    "/a%5cb",
    "/a\\b",
    "/a%00b",
    "/%",
    "/%zz",
    "/%c0%ae%c0%ae/",
  ])("is refused as %j", (url) => {
    expect(() => parseTarget(url)).toThrow(expect.objectContaining({ code: "malformed_request" }));
  });
});

describe("a query", () => {
  it.each(["?token=x", "?a=1&TOKEN=x", "?access_token", "?Authorization=x", "?api%5Fkey=1"])(
    "EXP-11 with a secret in it is found: %s",
    (query) => {
      expect(secretParameter(query)).toBeDefined();
    },
  );

  it.each(["", "?", "?after=1&limit=2", "?tokens=3", "?x=token"])("without one passes: %j", (query) => {
    expect(secretParameter(query)).toBeUndefined();
  });
});
