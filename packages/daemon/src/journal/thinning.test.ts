// What is left out of an entry that no frame could carry, and what never is.
import {
  CHUNKED_MAX_CHARACTERS,
  type CheckpointRef,
  encodeFrame,
  type Frame,
  InternalCommand,
  type JournalId,
} from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { withinFrame } from "./thinning.ts";

const place = { threadId: "thread", turnId: "turn" };
const checkpointRef = "refs/muster/checkpoints/thread/turn/1" as CheckpointRef;
const path = (index: number) => `${"\u0001".repeat(1_000)}${index}`;
const file = (index: number) => ({ path: path(index), status: "added", additions: 1, deletions: 0, binary: false });
const diffOf = (more: object): InternalCommand =>
  InternalCommand.parse({
    type: "thread.turn.diff.complete",
    ...place,
    turnCount: 1,
    checkpointRef,
    status: "ready",
    files: [file(1)],
    diff: "",
    truncated: false,
    ...more,
  });
/** Six characters each as JSON. */
const controls = "\u0001".repeat(2 * 1024 * 1024);

const travels = (command: InternalCommand): string[] => {
  const entry = { sequence: 1, command, correlationId: null, createdAt: "2026-11-21T12:00:00.000Z" };
  const frame: Frame = {
    type: "ingest.batch",
    journalId: "journal" as JournalId,
    firstSequence: 1,
    entries: [entry],
  };
  return encodeFrame(frame, { digest: () => "", chunkId: () => "chunk" });
};

describe("an entry that no frame could carry", () => {
  test("gives its diff away and keeps the list of files", () => {
    const command = diffOf({ diff: controls });
    expect(() => travels(command)).toThrow();
    const fitting = withinFrame(command);
    expect(fitting).toEqual({ ...command, diff: "", truncated: true });
    expect(travels(fitting)).not.toEqual([]);
  });

  test("gives files away only where they alone are too many", () => {
    const files = Array.from({ length: 1_000 }, (_, index) => file(index)).map((one, index) => ({
      ...one,
      previousPath: path(index),
    }));
    const fitting = withinFrame(diffOf({ files, diff: "text" }));
    expect(travels(fitting)).not.toEqual([]);
    expect(fitting).toMatchObject({ diff: "", truncated: true });
    expect("files" in fitting && fitting.files.length).toBe(500);
  });

  test("of a revert keeps the first of its files", () => {
    const files = Array.from({ length: 10_000 }, (_, index) => ({ path: path(index), outcome: "restored" }));
    const base = { type: "thread.revert.complete", threadId: "thread", turnCount: 0, mode: "files", safetyRef: null };
    const fitting = withinFrame(InternalCommand.parse({ ...base, files, error: null }));
    expect(travels(fitting)).not.toEqual([]);
    expect("files" in fitting && fitting.files.length).toBe(1_250);
  });

  test("of an activity keeps its line", () => {
    const base = { type: "thread.activity.append", ...place, tone: "info", kind: "note", summary: "It was large" };
    const fitting = withinFrame(
      InternalCommand.parse({ ...base, payload: { text: "x".repeat(CHUNKED_MAX_CHARACTERS) } }),
    );
    expect(fitting).toMatchObject({ summary: "It was large", payload: { dropped: "too_large" } });
  });
});

test("an entry that fits stays the very same", () => {
  const command = diffOf({ diff: "small" });
  expect(withinFrame(command)).toBe(command);
});
