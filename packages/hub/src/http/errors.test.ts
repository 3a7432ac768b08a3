import { ERROR_CODES, ERRORS, MusterError } from "@muster/contracts";
import { StoreError } from "@muster/store";
import { ORPCError } from "@orpc/server";
import { expect, it } from "vitest";
import { bodyOf, errorHeaders, expectedError, toLibraryError } from "./errors.ts";

it("carries every code of the error table through the library with its status and body", () => {
  for (const code of ERROR_CODES) {
    const error = new MusterError(code, "what happened", { some: "detail" });
    const carried = toLibraryError(error);
    expect(carried.status).toBe(ERRORS[code].status);
    expect(bodyOf(carried)).toEqual({
      code,
      message: "what happened",
      retryable: ERRORS[code].retryable,
      details: { some: "detail" },
    });
  }
});

it("tells a store that is away from one that is damaged, and both from one that is asked wrongly", () => {
  expect(expectedError(new StoreError("unavailable", "locked"), 1)?.code).toBe("unavailable");
  expect(expectedError(new StoreError("outcome_unknown", "broke"), 1)?.code).toBe("outcome_unknown");
  expect(expectedError(new StoreError("corrupt", "a page in /home"), 1)?.toBody()).toMatchObject({
    ...{ code: "database_corrupt", retryable: false },
    message: expect.not.stringContaining("/home"),
  });
  expect(expectedError(new StoreError("invalid_statement", "a bug"), 1)).toBeNull();
});

it("shows nothing of a failure that nobody expected", () => {
  for (const error of [new Error("secret"), new ORPCError("INTERNAL_SERVER_ERROR"), "text", null]) {
    expect(expectedError(error, 1)).toBeNull();
  }
  expect(bodyOf(new ORPCError("WHATEVER", { message: "secret" })).message).not.toContain("secret");
});

it("says when to come back, and only where coming back helps", () => {
  expect(errorHeaders(new MusterError("rate_limited", undefined, { retryAfterSeconds: 41.2 }))).toEqual({
    "retry-after": "42",
  });
  expect(errorHeaders(new MusterError("queue_full"))).toEqual({ "retry-after": "1" });
  expect(errorHeaders(new MusterError("unavailable", undefined, { retryAfterSeconds: -5 }))).toEqual({
    "retry-after": "1",
  });
  expect(errorHeaders(new MusterError("turn_in_progress"))).toEqual({});
  expect(errorHeaders(new MusterError("unauthenticated"))).toHaveProperty("www-authenticate");
  expect(errorHeaders(new MusterError("method_not_allowed", undefined, { allow: ["GET", "HEAD"] }))).toEqual({
    allow: "GET, HEAD",
  });
});
