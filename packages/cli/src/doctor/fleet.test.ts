// What doctor makes of what the hub says about its database and its machines.
import type { NodeSummary } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { checkDatabase, machinesCheck } from "./fleet.ts";

test.each([
  ["ok", ["ok"]],
  ["checking", ["ok"]],
  ["damaged", ["fail"]],
  ["unchecked", []],
  [undefined, []],
] as const)("a database that the hub calls %s makes doctor say %j", (found, states) => {
  expect(checkDatabase(found).map(({ state }) => state)).toEqual(states);
});

test("a damaged database comes with what to do", () => {
  expect(checkDatabase("damaged")[0]?.advice).toMatch(/backup/);
});

describe("the machines", () => {
  const node = (fields: Partial<NodeSummary> = {}): NodeSummary =>
    ({
      state: "online",
      health: "online",
      readOnly: false,
      suspended: false,
      capabilities: { hostname: "vm" },
      ...fields,
    }) as NodeSummary;

  test.each([
    [[node()], "ok", "1 machine of 1 online"],
    [[node(), node({ health: "offline" })], "ok", "1 machine of 2 online"],
    [[node(), node({ state: "offline" })], "warn", "of which vm may not work"],
    [[node({ readOnly: true })], "fail", "of which vm may not work"],
    [[node({ suspended: true }), node()], "warn", "of which vm may not work"],
    [[node({ health: "offline" })], "fail", "no machine is online"],
    [[], "fail", "no machine is attached"],
  ] as const)("EXP-5 that are online and get nothing new are told apart: %#", (nodes, state, words) => {
    const check = machinesCheck(nodes);
    expect(check.state).toBe(state);
    expect(check.message).toContain(words);
  });
});
