// What prune understands, and what it says.
import { describe, expect, test } from "vitest";
import { stepText } from "../output/steps.ts";
import { sizeText } from "../output/text.ts";
import { plainPaint } from "../shell.ts";
import { parseDays } from "../up/options.ts";
import { parseAge, reportText } from "./prune.ts";

describe("prune", () => {
  test("ORC-36 takes an age in days or weeks, of a day at least", () => {
    expect([parseAge("30d"), parseAge("8w"), parseAge("45")]).toEqual([30, 56, 45]);
    for (const wrong of ["0d", "0", "1h", "-3d", "tomorrow", "99999w", ""])
      expect(() => parseAge(wrong), wrong).toThrow();
  });

  test("ORC-36 a hub keeps details for some days, or for ever", () => {
    expect([parseDays("7"), parseDays("off"), parseDays("0")]).toEqual([7, null, null]);
    for (const wrong of ["never", "-1", "1.5", "99999999"]) expect(() => parseDays(wrong), wrong).toThrow();
  });

  const report = {
    dryRun: false,
    olderThanDays: 30,
    threads: 2,
    events: 10,
    diffs: 3,
    receipts: 4,
    effects: 6,
    bytesFreed: 5 * 1024 * 1024,
    store: { sizeBytes: 140 * 1024 * 1024, reusableBytes: 2_048 },
  };

  test("ORC-36 tells what was freed, and that the file keeps its size", () => {
    const text = reportText(report, { paint: plainPaint });
    expect(text).toContain("Pruned 2 threads archived more than 30 days ago or deleted more than 30 days ago.");
    expect(text).toMatch(/Effects +6/);
    expect(text).toMatch(/Freed +5\.0 MiB/);
    expect(text).toMatch(/Database +140 MiB \(2\.0 KiB of it free, and used again\)/);
  });

  test("ORC-36 says of a dry run that nothing was changed, and of an empty one that there was nothing", () => {
    expect(reportText({ ...report, dryRun: true }, { paint: plainPaint })).toContain("nothing was changed");
    expect(reportText({ ...report, threads: 0, effects: 0, olderThanDays: null }, { paint: plainPaint })).toBe(
      "Nothing to prune: no thread that was deleted more than 30 days ago has anything left to take.\n",
    );
  });

  test("sizes are said in the unit that fits", () => {
    expect([0, 820, 3_277, -82].map(sizeText)).toEqual(["0 bytes", "820 bytes", "3.2 KiB", "-82 bytes"]);
  });

  test("ORC-36 a step without its details is told once, by what it was", () => {
    const payload = { pruned: true, digest: "0".repeat(64) };
    const said = ["tool.started", "tool.completed", "plan.updated"].map((kind) =>
      stepText({ kind, tone: "tool", summary: "Read a file", payload }, plainPaint),
    );
    expect(said).toEqual(["", "· Read a file (details pruned)\n", ""]);
  });
});
