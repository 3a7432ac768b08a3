// docs/reference/errors.md is the error table of the contract as people read it, word for word. With
// UPDATE_REFERENCE=1 the page is written anew; without, it is compared.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ERROR_CODES, ERRORS } from "@muster/contracts";
import { expect, test } from "vitest";

const page = fileURLToPath(new URL("../../docs/reference/errors.md", import.meta.url));

const EXIT_CODES: Readonly<Record<number, string>> = {
  1: "anything else: the hub or an agent failed",
  2: "the command was used wrongly",
  3: "not found, or refused by a rule",
  4: "this machine needs a person",
  5: "not allowed",
  6: "try again",
};

const cell = (text: string): string => text.replaceAll("|", "\\|");

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const render = (): string => `# Errors

Every refusal and failure has one shape, over HTTP, in event streams, over the uplink and in \`--json\` output:

\`\`\`json
{ "code": "turn_not_found", "message": "There is no such turn.", "retryable": false, "details": {} }
\`\`\`

* \`code\` is one of the table below. It is never reused for something else: decide by it, never by the message.
* \`message\` says what happened; it may be more precise than the sentence in the table.
* \`retryable\` is true when the same request may succeed later without a change by the caller.
* \`details\` may be absent. \`validation_failed\` lists \`issues\` of \`{path, message}\`; \`payload_too_large\` names
  \`maxBytes\`; \`internal_error\` names the \`requestId\` under which the hub's log has the rest.

The HTTP status and the exit code of the command line follow from the code. Answers with status 429 and 503 carry
\`Retry-After\` in seconds when the code is retryable. An answer with status 405 names the methods in \`Allow\`.

This page is made from \`packages/contracts/src/error-table.ts\` and compared with it by a test.

## Exit codes of the command line

${table(
  ["exit code", "meaning"],
  Object.entries(EXIT_CODES).map(([code, meaning]) => [code, meaning]),
)}

## Codes

${table(
  ["code", "HTTP status", "retryable", "exit code", "meaning", "what to do"],
  ERROR_CODES.map((code) => {
    const { status, retryable, exitCode, message, hint } = ERRORS[code];
    return [`\`${code}\``, String(status), retryable ? "yes" : "no", String(exitCode), message, hint];
  }),
)}
`;

test("the errors page says what the error table says", async () => {
  const expected = render();
  if (process.env["UPDATE_REFERENCE"] === "1") await writeFile(page, expected);
  const written = await readFile(page, "utf8").catch(() => "");
  expect(written, "run this test with UPDATE_REFERENCE=1 to write the page anew").toBe(expected);
});

test("every code of the table has an exit code that the page explains", () => {
  for (const code of ERROR_CODES) expect(Object.keys(EXIT_CODES)).toContain(String(ERRORS[code].exitCode));
});

test("what is retryable is told so by its exit code or is nobody's fault", () => {
  const others = ERROR_CODES.filter((code) => ERRORS[code].retryable && ERRORS[code].exitCode !== 6);
  for (const code of others) expect([1, 3], code).toContain(ERRORS[code].exitCode);
});
