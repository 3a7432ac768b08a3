import { describe, expect, it } from "vitest";
import { HELP, parsePrompt } from "./language.ts";

describe("the sample agent's language", () => {
  it("ORC-30 finds directives on lines and inline, and leaves semicolons of a command alone", () => {
    expect(parsePrompt("say hi; read README.md\nrun echo a; echo b; plan")).toEqual([
      { kind: "say", text: "hi" },
      { kind: "read", path: "README.md" },
      { kind: "run", command: "echo a; echo b", asks: true },
      { kind: "plan" },
    ]);
  });
  it("ORC-30 takes an ordinary request for no directive", () => {
    for (const request of [
      "Fix the flaky test",
      "read the manual and plan the work",
      "Please say hi",
      "fail gracefully",
      "",
    ]) {
      expect(parsePrompt(request)).toEqual([]);
    }
  });
  it("ORC-30 reads what belongs to a directive", () => {
    expect(parsePrompt("edit a/b.md: one\\ntwo")).toEqual([
      { kind: "edit", path: "a/b.md", content: "one\ntwo", asks: true },
    ]);
    expect(parsePrompt("edit a.md without asking: x")).toEqual([
      { kind: "edit", path: "a.md", content: "x", asks: false },
    ]);
    expect(parsePrompt("stream 3 chunks of 10 characters")).toEqual([{ kind: "stream", chunks: 3, characters: 10 }]);
    expect(parsePrompt("hang forever; die with a sigh")).toEqual([
      { kind: "hang", forever: true },
      { kind: "die", lastWords: "a sigh" },
    ]);
  });
  it("ORC-30 explains in its help every directive it knows", () => {
    const examples =
      "say x|think x|stream 1 chunks of 1 characters|read x|edit x: y|edit x without asking: y|run x|run without asking: x|plan|usage 1 tokens costing 2|recall|repeat|ask twice|ask at once|wait 1 ms|fail|stop with refusal|hang|hang forever|late|afterwards x|stray|flood 1|garbage 1 megabytes|die with x|die asking|model|trace|fork".split(
        "|",
      );
    const kinds = new Set(examples.flatMap((example) => parsePrompt(example).map((directive) => directive.kind)));
    expect(kinds.size).toBe(25);
    for (const example of examples) {
      expect(parsePrompt(example)).toHaveLength(1);
      expect(HELP).toContain(`\n  ${example.split(" ")[0]}`);
    }
  });
});
