// What a person sees: widths, cuts, times, tables, and that no text of an agent moves the cursor.
import { describe, expect, test } from "vitest";
import { plainPaint } from "../shell.ts";
import { table } from "./table.ts";
import { counted, cut, oneLine, safeText, widthOf } from "./text.ts";
import { ago, between, lasting } from "./time.ts";

const now = Date.parse("2026-11-21T12:00:00.000Z");
const before = (milliseconds: number): string => new Date(now - milliseconds).toISOString();

describe("text for a terminal", () => {
  test("keeps no escape sequence, no control character and no change of direction", () => {
    expect(safeText("\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007a\u202eb\r\n\tc")).toBe("red ab\n\tc");
  });

  test("is one line where one line is wanted", () => {
    expect(oneLine("  first\n\tsecond \u001b[2Jthird ")).toBe("first second third");
  });

  test("is as wide as it is seen", () => {
    expect(widthOf("\u001b[1mbold\u001b[0m")).toBe(4);
    expect(widthOf("日本")).toBe(4);
    expect(widthOf("e\u0301")).toBe(1);
    expect(widthOf("👩‍👩‍👧")).toBe(2);
  });

  test("is cut by columns, with an ellipsis", () => {
    expect(cut("short", 5)).toBe("short");
    expect(cut("longer", 5)).toBe("long…");
    expect(cut("日本語", 5)).toBe("日本…");
  });

  test("counts in words", () => {
    expect([counted(0, "file"), counted(1, "file"), counted(2, "process", "processes")]).toEqual([
      "0 files",
      "1 file",
      "2 processes",
    ]);
  });
});

describe("times", () => {
  test("are said from the present", () => {
    expect([0, 12_000, 300_000, 3 * 3_600_000, 50 * 3_600_000].map((passed) => ago(before(passed), now))).toEqual([
      "just now",
      "12 s ago",
      "5 min ago",
      "3 h ago",
      "2 d ago",
    ]);
    expect(ago("2026-01-02T03:04:05.000Z", now)).toBe("2026-01-02");
    expect(ago(null, now)).toBe("never");
  });

  test("of a clock that runs ahead are just now", () => {
    expect(ago(before(-60_000), now)).toBe("just now");
  });

  test("last in the two units that matter", () => {
    expect([820, 3_210, 42_000, 125_000, 120_000, 3_600_000 * 3 + 60_000 * 4, 86_400_000 * 2].map(lasting)).toEqual([
      "820 ms",
      "3.2 s",
      "42 s",
      "2 min 5 s",
      "2 min",
      "3 h 4 min",
      "2 d",
    ]);
  });

  test("of what still runs end now", () => {
    expect(between(before(3_000), null, now)).toBe("3.0 s");
    expect(between(null, null, now)).toBe("");
  });
});

describe("a table", () => {
  const columns = [
    { title: "NAME", isFlexible: true },
    { title: "COUNT", align: "right" },
  ] as const;
  const rows = [
    ["a thing with a long name", "7"],
    ["日本", "120"],
  ];

  test("aligns its columns and leaves no space at the end of a line", () => {
    expect(table({ columns, rows, width: Number.POSITIVE_INFINITY, paint: plainPaint })).toBe(
      "NAME                      COUNT\na thing with a long name      7\n日本                        120\n",
    );
  });

  test("cuts the flexible column alone where the terminal is too narrow", () => {
    expect(table({ columns, rows, width: 20, paint: plainPaint })).toBe(
      "NAME           COUNT\na thing with…      7\n日本             120\n",
    );
  });

  test("leaves out what can be spared where cutting is not enough, and never widens what is cut", () => {
    const shown = (width: number): string =>
      table({
        columns: [
          { title: "NAME" },
          { title: "AGENTS", isFlexible: true },
          { title: "HEARD", spare: 1 },
          { title: "VERSION", spare: 2 },
          { title: "ID" },
        ],
        rows: [["laptop", "sample", "just now", "0.1.0", "b8b4698c"]],
        width,
        paint: plainPaint,
      });
    expect(shown(45)).toBe("NAME    AGENTS  HEARD     VERSION  ID\nlaptop  sample  just now  0.1.0    b8b4698c\n");
    expect(shown(40)).toBe("NAME    AGENTS  HEARD     ID\nlaptop  sample  just now  b8b4698c\n");
    const least = "NAME    AGENTS  ID\nlaptop  sample  b8b4698c\n";
    for (const width of [30, 10]) expect(shown(width)).toBe(least);
  });
});
