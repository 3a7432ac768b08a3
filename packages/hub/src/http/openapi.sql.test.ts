import { contract, ErrorBody, isErrorCode } from "@muster/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { routesOf } from "./routes.ts";
import { type Served, serve } from "./testing/served.ts";

/** The parts of OpenAPI 3.1 that the document uses, strictly: an unknown field is a mistake. */
const Schema = z.union([z.boolean(), z.record(z.string(), z.unknown())]);
const Content = z.record(z.string(), z.strictObject({ schema: Schema }));
const Parameter = z.strictObject({
  name: z.string(),
  in: z.enum(["path", "query", "header", "cookie"]),
  required: z.boolean().optional(),
  schema: Schema,
  allowEmptyValue: z.boolean().optional(),
  allowReserved: z.boolean().optional(),
  style: z.string().optional(),
  explode: z.boolean().optional(),
});
const Operation = z.strictObject({
  operationId: z.string(),
  summary: z.string().min(1),
  tags: z.array(z.string()).min(1),
  parameters: z.array(Parameter).optional(),
  requestBody: z.strictObject({ required: z.boolean(), content: Content }).optional(),
  responses: z.record(
    z.string().regex(/^[1-5]\d\d$/),
    z.strictObject({ description: z.string().min(1), content: Content }),
  ),
  security: z.array(z.record(z.string(), z.array(z.string()))),
});
const Document = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    description: z.string(),
    license: z.strictObject({ name: z.string(), identifier: z.string() }),
  }),
  servers: z.array(z.strictObject({ url: z.string() })),
  paths: z.record(
    z.string().startsWith("/"),
    z.record(z.enum(["get", "post", "put", "patch", "delete"]), Operation.optional()),
  ),
  components: z.strictObject({
    schemas: z.record(z.string(), Schema),
    securitySchemes: z.record(z.string(), z.unknown()),
  }),
});

let served: Served;
let document: z.infer<typeof Document>;
beforeAll(async () => {
  served = await serve();
  const response = await served.fetch("/openapi.json");
  expect(response.headers.get("content-type")).toBe("application/json");
  document = Document.parse(await response.json());
});
afterAll(async () => {
  await served.close();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) =>
      operation === undefined ? [] : [{ path, method, operation }],
    ),
  );

describe("the OpenAPI document", () => {
  it("is the same under both of its addresses, and needs no login", async () => {
    const texts = await Promise.all(
      ["/openapi.json", "/api/v1/openapi.json"].map(async (path) => (await served.fetch(path)).text()),
    );
    expect(texts[0]).toBe(texts[1]);
    expect(document.servers).toEqual([{ url: "/api/v1" }]);
  });

  it("names every procedure of the contract once, with its path and method", () => {
    const named = operations().map(
      ({ path, method, operation }) => `${operation.operationId} ${method.toUpperCase()} ${path}`,
    );
    expect(named.sort()).toEqual(
      routesOf(contract)
        .map(({ name, method, path }) => `${name} ${method} ${path}`)
        .sort(),
    );
  });

  it("declares each parameter of a path, and asks for it", () => {
    for (const { path, operation } of operations()) {
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(inPath.map(({ name }) => name)).toEqual([...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]));
      for (const parameter of inPath) expect(parameter.required).toBe(true);
    }
  });

  it("says which procedures need a login", () => {
    const open = operations().filter(({ operation }) => operation.security.length === 0);
    expect(open.map(({ operation }) => operation.operationId).sort()).toEqual([
      "auth.redeem",
      "health",
      "invites.redeem",
    ]);
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { operation } of operations()) {
      for (const requirement of operation.security)
        expect(schemes).toEqual(expect.arrayContaining(Object.keys(requirement)));
    }
  });

  it("has every reference it uses", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      const [root, ...path] = reference.split("/");
      expect(root).toBe("#");
      let target: unknown = document;
      for (const key of path) target = (target as Record<string, unknown>)[key];
      expect(target, reference).toBeDefined();
    }
  });

  it("describes errors as they are sent", async () => {
    const Variant = z.looseObject({
      properties: z.looseObject({ code: z.looseObject({ enum: z.array(z.string()) }) }),
    });
    for (const { operation } of operations()) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (status === "200") continue;
        const { code } = Variant.parse(content["application/json"]?.schema).properties;
        expect(code.enum.every(isErrorCode)).toBe(true);
      }
    }
    const response = await served.fetch("/api/v1/nodes");
    expect(ErrorBody.strict().safeParse(await response.json()).success).toBe(true);
    expect(document.components.schemas["Error"]).toMatchObject({ required: ["code", "message", "retryable"] });
  });

  it("describes the event stream as one", () => {
    const events = document.paths["/orchestration/events"]?.get;
    expect(Object.keys(events?.responses["200"]?.content ?? {})).toEqual(["text/event-stream"]);
  });
});
