// The lines of a reported edit.
import { expect, test } from "vitest";
import { editLines } from "./edit-lines.ts";

const shown = (before: string | null, after: string): string[] =>
  editLines(before, after).map(({ mark, text }) => mark + text);

test("a new file is added line by line", () => {
  expect(shown(null, "one\ntwo\n")).toEqual(["+one", "+two"]);
});

test("what both sides share is left out but for two lines around", () => {
  expect(shown("a\nb\nc\nold\nd\ne\nf\n", "a\nb\nc\nnew\nd\ne\nf\n")).toEqual([" b", " c", "-old", "+new", " d", " e"]);
});

test("an emptied file is removed line by line", () => {
  expect(shown("one\n", "")).toEqual(["-one"]);
});

test("lines that repeat are not counted on both ends", () => {
  expect(shown("a\na\n", "a\na\na\n")).toEqual([" a", " a", "+a"]);
});
