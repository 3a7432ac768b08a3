// Tokens as people read them.
import { expect, test } from "vitest";
import { isGood } from "./tokens.ts";

const now = Date.parse("2026-03-01T12:00:00Z");

test("a token is good until it expires or is revoked", () => {
  expect(isGood({ revokedAt: null, expiresAt: null }, now)).toBe(true);
  expect(isGood({ revokedAt: null, expiresAt: "2026-03-01T12:00:01Z" }, now)).toBe(true);
  expect(isGood({ revokedAt: null, expiresAt: "2026-03-01T12:00:00Z" }, now)).toBe(false);
  expect(isGood({ revokedAt: "2026-02-01T00:00:00Z", expiresAt: null }, now)).toBe(false);
});
