// Blocks of streaming Markdown: nothing is lost, and a block once closed never changes while text is added.
import fc from "fast-check";
import { expect, test } from "vitest";
import { markdownBlocks } from "./blocks.ts";

test("paragraphs are blocks of their own", () => {
  expect(markdownBlocks("one\n\ntwo\nthree\n\n# four")).toEqual(["one\n", "two\nthree\n", "# four"]);
});

test("a list, a quote and what is indented stay with what they continue", () => {
  expect(markdownBlocks("1. one\n\n2. two\n\n   more of two\n\nend")).toEqual([
    "1. one\n\n2. two\n\n   more of two\n",
    "end",
  ]);
});

test("blank lines in a fence cut nothing, also in a fence within a longer one", () => {
  const code = "````md\n```ts\n\nx\n```\n\ny\n````";
  expect(markdownBlocks(`${code}\n\nend`)).toEqual([`${code}\n`, "end"]);
});

test("joined again, blocks are the text, and closed blocks stay as they were while text grows", () => {
  const line = fc.constantFrom("", "text", "- item", "```", "~~~", "  indented", "> quote", "# head", "| a | b |");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.nat(30), (lines, at) => {
      const text = lines.join("\n");
      const blocks = markdownBlocks(text);
      expect(blocks.join("\n")).toBe(text);
      const earlier = markdownBlocks(lines.slice(0, at).join("\n"));
      expect(blocks.slice(0, earlier.length - 1)).toEqual(earlier.slice(0, -1));
    }),
  );
});
