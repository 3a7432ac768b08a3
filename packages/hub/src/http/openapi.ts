// The OpenAPI document of the contract, made once. The contract says everything; what is added here is where the API
// lives, the shape of errors and how a caller proves who they are.
import { STATUS_CODES } from "node:http";
import { API_PREFIX, type contract, ErrorBody } from "@muster/contracts";
import { OpenAPIGenerator } from "@orpc/openapi";
import { ZodToJsonSchemaConverter } from "@orpc/zod/zod4";
import type { Route } from "./routes.ts";

export interface OpenApiOptions {
  readonly contract: typeof contract;
  readonly routes: readonly Route[];
  readonly version: string;
  readonly cookieName: string;
}

type Document = Awaited<ReturnType<OpenAPIGenerator["generate"]>>;

/** Error answers name the codes of their status; details are free. */
const errorSchema = (codes: readonly string[]) => ({
  allOf: [{ $ref: "#/components/schemas/Error" }],
  properties: { code: { enum: [...codes] } },
});

/** Who may call, and the names of statuses, which the generator leaves as numbers. */
const complete = (document: Document, routes: readonly Route[]): void => {
  for (const route of routes) {
    const method = route.method.toLowerCase() as "get" | "post";
    const operation = document.paths?.[route.path]?.[method];
    if (operation === undefined) throw new Error(`the OpenAPI document lacks ${route.name}`);
    operation.security = route.access.principals === "public" ? [] : [{ bearer: [] }, { cookie: [] }];
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      response.description = STATUS_CODES[status] ?? status;
    }
  }
};

/** The document as JSON text. */
export const createOpenApiDocument = async (options: OpenApiOptions): Promise<string> => {
  const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] });
  const document = await generator.generate(options.contract, {
    info: {
      title: "Muster hub",
      version: options.version,
      description: "Coordination of fleets of coding agents: commands, snapshots, events and nodes.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: API_PREFIX }],
    commonSchemas: { Error: { schema: ErrorBody, strategy: "output" } },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        cookie: { type: "apiKey", in: "cookie", name: options.cookieName },
      },
    },
    customErrorResponseBodySchema: (definitions) => errorSchema(definitions.map(([code]) => code)),
  });
  complete(document, options.routes);
  return JSON.stringify(document);
};
