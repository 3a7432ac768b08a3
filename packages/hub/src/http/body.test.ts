import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import fc from "fast-check";
import { expect, it } from "vitest";
import { nestingDepth, readJsonBody } from "./body.ts";

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

const bytes = (text: string) => new TextEncoder().encode(text);

it("counts the nesting of any JSON as the parser would", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      expect(nestingDepth(bytes(JSON.stringify(value)))).toBe(depthOf(JSON.parse(JSON.stringify(value))));
    }),
  );
});

it("is not led astray by brackets, quotes and backslashes in strings", () => {
  expect(nestingDepth(bytes('"[[[["'))).toBe(0);
  expect(nestingDepth(bytes('{"a\\"[[": "\\\\", "b": []}'))).toBe(2);
});

it("counts what is no JSON too", () => {
  expect(nestingDepth(bytes("[".repeat(100_000)))).toBe(100_000);
  expect(nestingDepth(bytes("]]]]{"))).toBeLessThanOrEqual(1);
});

it("is not asked for once the request was answered because it broke off", async () => {
  const request = new IncomingMessage(new Socket());
  request.method = "POST";
  request.headers = { "content-type": "application/json", "content-length": "10", expect: "100-continue" };
  const response = new ServerResponse(request);
  response.writeHead(400).end();
  const reading = readJsonBody(request, response, { maxBytes: 100, depthMax: 10, discardMaxBytes: 100 });
  request.destroy();
  await expect(reading).rejects.toMatchObject({ code: "malformed_request" });
});
