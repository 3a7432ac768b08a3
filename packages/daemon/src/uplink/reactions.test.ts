import { CLOSE_CODES } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { isLoopbackHost, RETRY_CAP_MS, reactionTo, retryDelayMs } from "./reactions.ts";

describe("DMN-18 reactions to close codes", () => {
  it.each([
    [CLOSE_CODES.unauthorized, "stop"],
    [CLOSE_CODES.replaced, "stop-cloned"],
    [CLOSE_CODES.alreadyConnected, "back-off"],
    [CLOSE_CODES.draining, "reconnect-now"],
    [CLOSE_CODES.featureUnavailable, "stop"],
    [CLOSE_CODES.featureParameterInvalid, "stop"],
    [CLOSE_CODES.featureParameterBelowFloor, "stop"],
    [CLOSE_CODES.protocolUnsupported, "stop"],
    [CLOSE_CODES.tooMany, "back-off"],
    [1000, "retry"],
    [1006, "retry"],
    [1008, "retry"],
    [1011, "retry"],
  ])("%i is %s", (code, reaction) => {
    expect(reactionTo(code)).toBe(reaction);
  });
});

describe("DMN-16 waiting before the next try", () => {
  const delay = (failures: number, fraction: number, more = {}): number =>
    retryDelayMs({ reaction: "retry", failures, fraction, isLoopback: false, ...more });

  it("doubles from 1 s up to 30 s, with full jitter", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((failures) => delay(failures, 0.999_999))).toEqual([
      999, 1_999, 3_999, 7_999, 15_999, 29_999, 29_999,
    ]);
    expect([0, 5, 50].map((failures) => delay(failures, 0))).toEqual([0, 0, 0]);
    expect(delay(5, 0.5)).toBe(RETRY_CAP_MS / 2);
  });
  it("is at most 250 ms for the first tries on this machine", () => {
    expect(delay(0, 0.999, { isLoopback: true })).toBeLessThanOrEqual(250);
    expect(delay(15, 0.999, { isLoopback: true })).toBeLessThanOrEqual(250);
    expect([16, 17, 21, 99].map((failures) => delay(failures, 0.5, { isLoopback: true }))).toEqual([
      500, 1_000, 15_000, 15_000,
    ]);
  });
  it("is nothing after draining, once, and some seconds after a refusal that asks for patience", () => {
    expect(delay(0, 0.9, { reaction: "reconnect-now" })).toBe(0);
    expect(delay(3, 0.5, { reaction: "reconnect-now" })).toBe(4_000);
    expect(delay(0, 0, { reaction: "back-off", isLoopback: true })).toBe(5_000);
  });
  it("knows this machine's names", () => {
    expect(["localhost", "127.0.0.1", "127.9.9.9", "[::1]"].every(isLoopbackHost)).toBe(true);
    expect(["example.org", "127.0.0.1.example.org", "10.0.0.1"].some(isLoopbackHost)).toBe(false);
  });
});
