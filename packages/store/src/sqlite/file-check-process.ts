// The process of a file's check: says what it found as one line of JSON. Run: node file-check-process.ts <path>
import { constants, setPriority } from "node:os";
import { StoreError } from "../port.ts";
import type { FileCheckResult } from "./file-check.ts";
import { check, openReader } from "./open.ts";

function resultOf(path: string): FileCheckResult {
  try {
    const reader = openReader(path);
    try {
      check(reader, path);
      return { status: "sound" };
    } finally {
      reader.close();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof StoreError && error.code === "corrupt"
      ? { status: "damaged", finding: message }
      : { status: "failed", reason: message };
  }
}

setPriority(constants.priority.PRIORITY_LOW);
process.stdout.write(`${JSON.stringify(resultOf(process.argv[2] ?? ""))}\n`);
