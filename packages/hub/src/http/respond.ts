// Writing answers: the headers that every answer carries, JSON, and errors in their one shape.
import type { ServerResponse } from "node:http";
import { ERRORS, type MusterError } from "@muster/contracts";
import { errorHeaders } from "./errors.ts";

/** Scripts, connections and fonts from here alone; nobody frames us; no plugin, no base, no foreign form target. */
export const CONSOLE_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** For every answer, before anything is known of the request. Data is not stored; the console's files say otherwise. */
export const setCommonHeaders = (response: ServerResponse, requestId: string): void => {
  response.setHeader("x-request-id", requestId);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("content-security-policy", DATA_POLICY);
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("cache-control", "no-store");
};

/** Nothing is written of the body for HEAD, but its length is told. */
export const send = (
  response: ServerResponse,
  answer: {
    readonly status: number;
    readonly contentType: string;
    readonly body: string | Uint8Array;
    readonly headers?: Readonly<Record<string, string>>;
  },
): void => {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const length = typeof answer.body === "string" ? Buffer.byteLength(answer.body) : answer.body.byteLength;
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": length,
    ...answer.headers,
  });
  // For HEAD, Node leaves the body out by itself.
  response.end(answer.body);
};

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void => send(response, { status, contentType: "application/json", body: JSON.stringify(body), headers });

export const sendError = (response: ServerResponse, error: MusterError): void =>
  sendJson(response, ERRORS[error.code].status, error.toBody(), errorHeaders(error));

/** The same as bytes, for a socket that speaks no HTTP yet or no more. */
export const rawError = (error: MusterError, requestId: string): string => {
  const body = JSON.stringify(error.toBody());
  const headers = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
    "x-request-id": requestId,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    ...errorHeaders(error),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${ERRORS[error.code].status} ${error.code}\r\n${lines.join("")}\r\n${body}`;
};
