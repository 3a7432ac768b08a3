// Starts a child as the leader of a process group of its own, so that everything it starts can be ended with it,
// and so that a signal to the daemon does not reach it by chance. The record needed to end it later is there at once.
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { type EndLimits, type EndResult, endProcessGroup } from "./group.ts";
import { groupMembers, joinStartTime, MARK_VARIABLE, type ProcessGroupRecord, processFacts } from "./identity.ts";
import { type Timers, within } from "./timers.ts";

/** How much of the end of standard error is kept. */
export const ERROR_TAIL_MAX_BYTES = 4_096;
/** After the leader's exit its pipes may still hold output; a grandchild may hold them open for ever. */
const DRAIN_MAX_MS = 250;
/** For how long after the leader's exit the members it left are known to be ours without looking for their mark. */
const KNOWN_AFTER_EXIT_MS = 1_000;

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GroupChild extends ProcessGroupRecord {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  /** The last 4 KiB of standard error as text. */
  errorTail(): string;
  /** Resolves when the leader has exited and its output was drained; never rejects. */
  readonly exited: Promise<ChildExit>;
  hasExited(): boolean;
  /** Ends the whole group, also what outlived its leader; resolves when nothing of it runs. */
  end(limits?: Partial<EndLimits>): Promise<EndResult>;
}

/** Why a child could not be started: the operating system's code, such as ENOENT or EACCES. */
export class SpawnError extends Error {
  override readonly name = "SpawnError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface StartChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Must exist: a missing folder can't be told from a missing command afterwards. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Random text, new for each child: what recognises members of the group whose leader died. */
  readonly mark: string;
  readonly timers: Timers;
}

/** Keeps the last bytes of what is pushed. */
export class ByteTail {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #dropped = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get truncated(): boolean {
    return this.#dropped;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    // Cut at twice the size, so that a flood of small chunks costs one copy each time the tail was filled anew.
    if (this.#bytes > this.#maxBytes * 2 || this.#chunks.length > 1_024) this.#compact();
  }

  #compact(): Buffer {
    let all = Buffer.concat(this.#chunks);
    if (all.byteLength > this.#maxBytes) {
      this.#dropped = true;
      all = Buffer.from(all.subarray(all.byteLength - this.#maxBytes));
      // Never begin inside a character.
      let start = 0;
      while (start < 3 && start < all.byteLength && ((all[start] ?? 0) & 0xc0) === 0x80) start += 1;
      all = all.subarray(start);
    }
    this.#chunks = [all];
    this.#bytes = all.byteLength;
    return all;
  }

  text(): string {
    return new StringDecoder("utf8").write(this.#compact());
  }
}

/** Starts the command; rejects with a SpawnError when there is no such command or it may not be run. */
export const startChild = (options: StartChildOptions): Promise<GroupChild> =>
  new Promise((resolve, reject) => {
    const child = spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: { ...options.environment, [MARK_VARIABLE]: options.mark },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const processId = child.pid;
    if (processId === undefined) {
      child.once("error", (error: NodeJS.ErrnoException) =>
        reject(new SpawnError(error.code ?? "UNKNOWN", error.message)),
      );
      return;
    }
    // Read before control returns to the event loop: until then even a child that already died is not collected.
    const startTime = processFacts(processId)?.startTime ?? "unknown";
    const record: ProcessGroupRecord = {
      processGroupId: processId,
      processStartTime: joinStartTime(startTime, options.mark),
    };
    const tail = new ByteTail(ERROR_TAIL_MAX_BYTES);
    child.stderr.on("data", (chunk: Buffer) => tail.push(chunk));
    // A write to a dead child is reported by its exit, not by its pipe.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
    child.on("error", () => {});
    const closed = new Promise<void>((done) => child.once("close", () => done()));
    let hasExited = false;
    let knownUntilMs = 0;
    const exited = new Promise<ChildExit>((done) => {
      child.once("exit", (code, signal) => {
        hasExited = true;
        if (groupMembers(processId).some((member) => !member.zombie))
          knownUntilMs = options.timers.nowMs() + KNOWN_AFTER_EXIT_MS;
        void within(options.timers, DRAIN_MAX_MS, closed).then(() => done({ code, signal }));
      });
    });
    resolve({
      ...record,
      input: child.stdin,
      output: child.stdout,
      errors: child.stderr,
      errorTail: () => tail.text(),
      exited,
      hasExited: () => hasExited,
      end: (limits) =>
        endProcessGroup(record, {
          timers: options.timers,
          assumeOurs: !hasExited || options.timers.nowMs() < knownUntilMs,
          ...(limits === undefined ? {} : { limits }),
        }),
    });
  });
