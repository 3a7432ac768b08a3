// Failures say what happened, why, what to do and their code; exit codes come from the table alone.
import { ERROR_CODES, MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { asMusterError, errorAsJson, errorAsText, refusal } from "./errors.ts";
import { plainPaint } from "./shell.ts";

describe("an error", () => {
  test("EXP-4 says what happened, why, what to do, and its code", () => {
    const error = new MusterError("port_in_use", "Port 7600 is taken.", { address: "127.0.0.1" });
    expect(errorAsText(error, plainPaint)).toBe(
      "Error: Port 7600 is taken.\n  address: 127.0.0.1\n  Stop that program, or choose another port with --port (0 means any free one). (port_in_use)\n",
    );
  });

  test("EXP-4 is one line of JSON with its hint and exit code, whichever it is", () => {
    for (const code of ERROR_CODES) {
      const error = new MusterError(code);
      const text = errorAsJson(error);
      expect(text.indexOf("\n")).toBe(text.length - 1);
      expect(JSON.parse(text)).toMatchObject({
        error: { code, exitCode: error.row.exitCode, message: error.row.message },
      });
    }
  });

  test("names the fields that a request failed by", () => {
    const issues = [{ path: "message.text", message: "Too big" }];
    expect(errorAsText(new MusterError("validation_failed", undefined, { issues }), plainPaint)).toContain(
      "  message.text: Too big\n",
    );
  });

  test("of the command line itself carries advice of its own, in place of the table's", () => {
    const text = errorAsText(refusal("thread_not_found", "There is no thread yet.", "Make\u001b[2J\none."), plainPaint);
    expect(text).toBe("Error: There is no thread yet.\n  Make one. (thread_not_found)\n");
  });

  test("that nobody expected says so, and where to look", () => {
    const text = errorAsText(asMusterError(new TypeError("x is not a function")), plainPaint);
    expect(text).toContain("failed in a way it did not expect");
    expect(text).toContain("x is not a function");
    expect(text).toContain("MUSTER_DEBUG=1");
  });

  test("with control characters in it leaves the terminal alone", () => {
    expect(errorAsText(new MusterError("not_found", "No \u001b[2Jsuch\nthing."), plainPaint)).toContain(
      "No such thing.",
    );
  });
});
