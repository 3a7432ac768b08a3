// One answer, three forms.
import { describe, expect, test } from "vitest";
import { refusal } from "./errors.ts";
import { testShell } from "./testing/shell.ts";
import { createVoice } from "./voice.ts";

const spoken = (form: { json: boolean; quiet: boolean }) => {
  const shell = testShell();
  const voice = createVoice({ out: shell.out, err: shell.err, called: (text) => text, ...form });
  voice.answer({ json: { threads: [] }, text: "No thread yet.\n", quiet: ["t-1", "t-2"] });
  voice.note("Next: muster thread new");
  return { stdout: shell.stdout(), stderr: shell.stderr() };
};

const warned = (form: { json: boolean; quiet: boolean }) => {
  const shell = testShell();
  createVoice({ out: shell.out, err: shell.err, called: (text) => text, ...form }).warn(
    refusal("node_offline", "Nobody is there.", "Look for them."),
  );
  return { stdout: shell.stdout(), stderr: shell.stderr() };
};

describe("a warning", () => {
  test("EXP-4 is said in every form, beside the answer", () => {
    const text = "Warning: Nobody is there.\n  Look for them. (node_offline)\n";
    expect(warned({ json: false, quiet: false })).toEqual({ stdout: "", stderr: text });
    expect(warned({ json: false, quiet: true })).toEqual({ stdout: "", stderr: text });
    const { stdout, stderr } = warned({ json: true, quiet: false });
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ warning: { code: "node_offline", hint: "Look for them." } });
  });
});

describe("an answer", () => {
  test("EXP-4 is text for a person, with advice beside it", () => {
    expect(spoken({ json: false, quiet: false })).toEqual({
      stdout: "No thread yet.\n",
      stderr: "Next: muster thread new\n",
    });
  });

  test("EXP-4 is one line of JSON and nothing else with --json", () => {
    expect(spoken({ json: true, quiet: false })).toEqual({ stdout: '{"threads":[]}\n', stderr: "" });
  });

  const EVIL = "\u001b]0;title\u0007\u001b[2J\u202eEVIL\u009b31m\rX";

  test.each([
    ["text", { json: false, quiet: false }, "\u001b[31mred\u001b[0m ]0;title[2JEVIL31mX\n"],
    ["--quiet", { json: false, quiet: true }, "EVILX\n"],
    ["--json", { json: true, quiet: false }, '{"name":"\\u001b]0;title\\u0007\\u001b[2J\\u202eEVIL\\u009b31m\\rX"}\n'],
  ] as const)("EXP-4 as %s moves no cursor and sets no title, whatever names it holds", (_form, form, expected) => {
    const shell = testShell();
    const voice = createVoice({ out: shell.out, err: shell.err, called: (text) => text, ...form });
    voice.answer({ json: { name: EVIL }, text: `\u001b[31mred\u001b[0m ${EVIL}\n`, quiet: [EVIL] });
    voice.note(EVIL);
    expect(shell.stdout()).toBe(expected);
    expect(shell.stderr()).not.toContain("\u001b");
  });

  test("EXP-4 with --quiet has one line for each, whatever line breaks are in a name", () => {
    const shell = testShell();
    const names = ["one\ntwo", "a  b"];
    createVoice({ out: shell.out, err: shell.err, called: (text) => text, json: false, quiet: true }).answer({
      json: {},
      text: "",
      quiet: names,
    });
    expect(shell.stdout()).toBe("one two\na  b\n");
  });

  test("EXP-4 is ids alone with --quiet", () => {
    expect(spoken({ json: false, quiet: true })).toEqual({ stdout: "t-1\nt-2\n", stderr: "" });
  });
});
