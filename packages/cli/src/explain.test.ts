// Failures in the words of the place they are met at.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { explain } from "./explain.ts";
import type { HubAddress } from "./hub.ts";

const url = "http://192.168.1.7:7600";
const address = (fields: Partial<HubAddress>): HubAddress => ({
  url,
  token: "secret",
  tokenPlace: "/home/ada/.muster/daemon/token",
  pid: null,
  nodeId: null,
  place: "joined",
  ...fields,
});
const told = (error: MusterError, fields: Partial<HubAddress> = {}) => {
  const { code, message, details } = explain(error, address(fields));
  expect(code).toBe(error.code);
  return { message, advice: String(details?.["advice"]) };
};

describe("a hub that does not answer", () => {
  test("EXP-4 is named, and is not to be started on a machine that has joined it", () => {
    const { message, advice } = told(new MusterError("hub_unreachable"));
    expect(message).toBe(`No hub answers at ${url}.`);
    expect(advice).toContain("look whether it runs there");
    expect(told(new MusterError("hub_unreachable"), { place: "here" }).advice).toContain("npm start");
    expect(told(new MusterError("hub_unreachable"), { place: "given" }).advice).not.toContain("npm start");
  });

  test("keeps words that know more", () => {
    const error = new MusterError("hub_unreachable", "The hub of /home is gone.");
    expect(explain(error, address({}))).toBe(error);
  });
});

describe("a token that the hub does not take", () => {
  test.each([
    [{}, "does not take the token of /home/ada/.muster/daemon/token", "new invite"],
    [{ token: null }, "there is no token in /home/ada/.muster/daemon/token", "new invite"],
    [
      { place: "here", tokenPlace: "/h/hub/cli-token" },
      "does not take the token of /h/hub/cli-token",
      "Restart the hub",
    ],
    [{ tokenPlace: "MUSTER_TOKEN" }, "does not take the token of MUSTER_TOKEN", "Give another"],
    [{ place: "given", token: null, tokenPlace: null }, "no token was given", "MUSTER_TOKEN"],
  ] as const)("EXP-4 is told by where it came from, and never by itself: %j", (fields, words, advice) => {
    const answer = told(new MusterError("unauthenticated"), fields);
    expect(answer.message).toContain(words);
    expect(answer.advice).toContain(advice);
    expect(answer.message).not.toContain("secret");
  });

  test("EXP-11 and is good for too little is told to be another token's business, not a role's", () => {
    const error = new MusterError("permission_denied", 'That needs a token with the scope "full".', { scope: "full" });
    expect(told(error).advice).toContain("token new");
    const ofRole = new MusterError("permission_denied");
    expect(explain(ofRole, address({}))).toBe(ofRole);
  });
});
