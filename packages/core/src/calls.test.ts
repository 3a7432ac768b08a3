import type { ProviderItemId, ToolCall } from "@muster/contracts";
import { expect, it } from "vitest";
import { callOf, recordedCall } from "./calls.ts";

const call: ToolCall = {
  itemId: "i" as ProviderItemId,
  title: "Read a file",
  kind: "read",
  status: "completed",
  locations: [],
  output: "text",
};
const places = [{ path: "/a", line: 1 }];

it.each<[string, ToolCall, string]>([
  ["a title that is the line", call, call.title],
  ["a title that is longer than the line", call, "Read"],
  ["places", { ...call, locations: places }, call.title],
  ["no title", { ...call, title: "" }, ""],
])("a call with %s comes back as it was recorded", (_name, tool, summary) => {
  expect(callOf({ summary, payload: recordedCall(tool, summary) })).toEqual(tool);
});

it("nothing is recorded that the line says, or that is empty", () => {
  expect(recordedCall(call, call.title)).toEqual({ itemId: "i", kind: "read", status: "completed", output: "text" });
});

it("a call from before is read from its payload, and what was pruned is none", () => {
  expect(callOf({ summary: "another", payload: { ...call } })).toEqual(call);
  expect(callOf({ summary: "a line", payload: { pruned: true, digest: "d" } })).toBeNull();
});
