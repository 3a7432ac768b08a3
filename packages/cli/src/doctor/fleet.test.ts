// What doctor makes of what the hub says about its database.
import { expect, test } from "vitest";
import { checkDatabase } from "./fleet.ts";

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
