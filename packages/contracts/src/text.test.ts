// Text that every database can keep: what is changed, what is refused, and that nothing else is touched.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClientCommand, InternalCommand } from "./commands.ts";
import { ErrorBody } from "./errors.ts";
import { NodeId } from "./ids.ts";
import { LiveDelta, NodeCapabilities } from "./reads.ts";
import { isShallowJson, JSON_DEPTH_MAX, storableJson, storableText, unstorablePaths } from "./text.ts";
import { Frame } from "./uplink.ts";

const unit = fc.constantFrom("a", "é", "😀", "\0", "\ud83d", "\ude00", "\ufffd", '"', "\\", "\u2028");
const anyText = fc.string({ unit, maxLength: 12 });
const { value: anyJson } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    fc.constantFrom(null, 0, true),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(anyText, fc.constant("__proto__")), tie("value"), { maxKeys: 3 }),
  ),
}));

describe("storable text", () => {
  it("is well-formed, has no NUL and its old length, and is the text itself where that was so before (ORC-23)", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const kept = storableText(text);
        expect([kept.isWellFormed(), kept.includes("\0"), kept.length]).toEqual([true, false, text.length]);
        expect(storableText(kept)).toBe(kept);
        if (text.isWellFormed() && !text.includes("\0")) expect(kept).toBe(text);
      }),
    );
  });

  it("reaches every text and key of a JSON value, and leaves a value without any as it is", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const kept = storableJson(value);
        expect(unstorablePaths(kept)).toEqual([]);
        expect(JSON.stringify(kept)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
        expect(storableJson(kept)).toBe(kept);
      }),
    );
  });

  it("ends at a depth that no command has, and a deeper one is refused", () => {
    const nested = (depth: number): unknown => (depth === 0 ? "\0" : [nested(depth - 1)]);
    expect([isShallowJson(nested(JSON_DEPTH_MAX)), isShallowJson(nested(JSON_DEPTH_MAX + 1))]).toEqual([true, false]);
    const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    const activity = {
      type: "thread.activity.append",
      threadId: "t",
      turnId: null,
      tone: "info",
      kind: "k",
      summary: "",
    };
    expect(InternalCommand.safeParse({ ...activity, payload: { deep } }).success).toBe(false);
    expect(NodeCapabilities.safeParse({ deep }).success).toBe(false);
  });
});

describe("at the door", () => {
  const BAD = ["a\0b", "a\ud83d", "\ude00b"];

  it("a text that names something is refused where no database could keep it, by its path", () => {
    const create = {
      type: "thread.create",
      commandId: "c",
      threadId: "t",
      projectId: "p",
      title: "title",
      provider: "sample",
      model: "m",
      branch: "b",
      worktreePath: "/w",
      runtimeMode: "full-access",
    };
    expect(ClientCommand.safeParse(create).success).toBe(true);
    for (const field of ["commandId", "threadId", "title", "provider", "model", "branch", "worktreePath"]) {
      for (const bad of BAD) {
        const { error } = ClientCommand.safeParse({ ...create, [field]: bad });
        expect(new Set(error?.issues.map(({ path }) => path.join()))).toEqual(new Set([field]));
      }
    }
    const scripts = {
      type: "project.meta.update",
      commandId: "c",
      projectId: "p",
      scripts: [{ name: "a", command: "\0" }],
    };
    expect(ClientCommand.safeParse(scripts).error?.issues[0]?.path).toEqual(["scripts", 0, "command"]);
    for (const bad of BAD) expect(NodeId.safeParse(bad).success).toBe(false);
  });

  it("what somebody says is kept with a mark for what cannot be: prompts, attachments, reports, errors, live text", () => {
    const start = {
      type: "thread.turn.start",
      commandId: "c",
      threadId: "t",
      turnId: "u",
      message: {
        messageId: "m",
        role: "user",
        text: "a\0b",
        attachments: [{ name: "n", mediaType: "m", text: "\ud83d" }],
      },
    };
    expect(ClientCommand.parse(start)).toMatchObject({
      message: { text: "a\ufffdb", attachments: [{ text: "\ufffd" }] },
    });
    const report = {
      type: "thread.turn.diff.complete",
      threadId: "t",
      turnId: "u",
      turnCount: 1,
      checkpointRef: "refs/muster/checkpoints/t/turn/1",
      status: "ready",
      files: [{ path: "a\0\udfff", status: "added", additions: 1, deletions: 0 }],
      diff: "+\0",
      truncated: false,
    };
    expect(InternalCommand.parse(report)).toMatchObject({ files: [{ path: "a\ufffd\ufffd" }], diff: "+\ufffd" });
    expect(
      ErrorBody.parse({ code: "node_offline", message: "\0", retryable: true, details: { a: ["\ud83d"] } }),
    ).toMatchObject({
      message: "\ufffd",
      details: { a: ["\ufffd"] },
    });
    expect(LiveDelta.parse({ threadId: "t", turnId: "u", messageId: "m", offset: 0, text: "\0" }).text).toBe("\ufffd");
    expect(NodeCapabilities.parse({ hostname: "h\0", other: ["\0"] })).toEqual({
      hostname: "h\ufffd",
      other: ["\ufffd"],
    });
  });

  it("an entry that cannot be read is told apart from those around it, by what it seems to be about (ORC-22)", () => {
    const good = {
      sequence: 1,
      command: { type: "thread.approval.expire", threadId: "t", requestId: "r", reason: "gone" },
      correlationId: null,
      createdAt: "2026-01-01T00:00:00.000Z",
    };
    const entries = [
      good,
      { sequence: 2, command: { type: "thread.of.tomorrow", threadId: "t", turnId: "no id" } },
      { sequence: 3, command: 7 },
      { sequence: 4 },
    ];
    const frame = Frame.parse({ type: "ingest.batch", journalId: "j", firstSequence: 1, entries });
    expect(frame).toMatchObject({
      entries: [
        good,
        { sequence: 2, command: null, about: { type: "thread.of.tomorrow", threadId: "t", turnId: null } },
        { sequence: 3, command: null, about: { type: null, threadId: null, turnId: null } },
        { sequence: 4, command: null, about: { type: null, threadId: null, turnId: null } },
      ],
    });
  });
});
