// Answers to everything that is not the API: the console's files, its page for every path of its router, and a plain
// page when no bundle was built.
import type { IncomingMessage, ServerResponse } from "node:http";
import { MusterError } from "@muster/contracts";
import type { ConsoleFile, ConsoleFiles } from "./console-files.ts";
import { CONSOLE_POLICY, send } from "./respond.ts";

const IMMUTABLE = "public, max-age=31536000, immutable";
/** Kept, but asked about before each use. */
const REVALIDATE = "no-cache";

const NO_BUNDLE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Muster</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<h1>Muster is running</h1>
<p>The hub answers, but its web console has not been built. Start it with <code>npm start</code>, which builds the
console, and load this page again.</p>
<p>The API is described in <a href="/openapi.json">/openapi.json</a>.</p>
</html>
`;

/** The router's paths have no dot in their last part, files do. */
const looksLikeFile = (path: string): boolean => (path.split("/").at(-1) ?? "").includes(".");

/** `gzip;q=0` says no. */
const takesGzip = (request: IncomingMessage): boolean =>
  /(?:^|,)\s*gzip\s*(?:;\s*q=(?:1|0?\.\d*[1-9]\d*)[^,]*)?(?:,|$)/i.test(
    String(request.headers["accept-encoding"] ?? ""),
  );

const sendFile = (request: IncomingMessage, response: ServerResponse, file: ConsoleFile): void => {
  response.setHeader("content-security-policy", CONSOLE_POLICY);
  response.setHeader("cache-control", file.immutable ? IMMUTABLE : REVALIDATE);
  response.setHeader("etag", file.etag);
  response.setHeader("vary", "accept-encoding");
  if (request.headers["if-none-match"] === file.etag) {
    response.writeHead(304).end();
    return;
  }
  const { contentType, body, compressed } = file;
  const small = takesGzip(request) ? compressed : null;
  const headers: Readonly<Record<string, string>> = small === null ? {} : { "content-encoding": "gzip" };
  send(response, { status: 200, contentType, body: small ?? body, headers });
};

/** For GET and HEAD. Throws `not_found` for a file that the bundle lacks. */
export const serveConsole = async (
  files: ConsoleFiles,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly decodedPath: string },
): Promise<void> => {
  const { request, response, decodedPath } = exchange;
  const file = await files.find(decodedPath);
  if (file !== null) return sendFile(request, response, file);
  if (looksLikeFile(decodedPath) || decodedPath.startsWith("/assets/")) throw new MusterError("not_found");
  const index = await files.index();
  if (index !== null) return sendFile(request, response, index);
  response.setHeader("content-security-policy", CONSOLE_POLICY);
  send(response, { status: 200, contentType: "text/html; charset=utf-8", body: NO_BUNDLE });
};
