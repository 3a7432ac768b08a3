// Commands the agent runs through us. Each is the leader of a process group of its own, known to the session, so that
// it can be ended with all it started. Only the end of its output is kept.
import {
  type CreateTerminalRequest,
  RequestError,
  type TerminalOutputResponse,
  type WaitForTerminalExitResponse,
} from "@agentclientprotocol/sdk";
import {
  ByteTail,
  type ChildExit,
  type EndLimits,
  type EndResult,
  type GroupChild,
  type ProcessGroupRecord,
  SpawnError,
  startChild,
  type Timers,
} from "../../processes/index.ts";
import { refusal } from "./files.ts";
import { resolveInside } from "./workspace.ts";

export interface TerminalsOptions {
  /** Real paths. */
  readonly root: string;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timers: Timers;
  readonly endLimits: EndLimits;
  readonly terminalsMax: number;
  readonly outputMaxBytes: number;
  mintId(): string;
  onOutput(terminalId: string): void;
  onGroupsChanged(): void;
}

interface Terminal {
  readonly child: GroupChild;
  readonly tail: ByteTail;
  exit: ChildExit | undefined;
}

/** Outputs of released terminals that a tool call may still show. */
const RELEASED_MAX = 32;
const RELEASED_MAX_CHARACTERS = 16_384;
const ENDED = { exitCode: null, signal: null } as const;

/** An agent that gives one text means a shell's command line; one that gives arguments means them as they are. */
const commandLine = (request: CreateTerminalRequest): { command: string; args: readonly string[] } =>
  request.args === undefined || request.args.length === 0
    ? { command: "/bin/sh", args: ["-c", request.command] }
    : { command: request.command, args: request.args };

export class Terminals {
  readonly #options: TerminalsOptions;
  readonly #terminals = new Map<string, Terminal>();
  readonly #released = new Map<string, string>();
  /** Groups that are being ended, until they are gone. */
  readonly #ending = new Map<ProcessGroupRecord, Promise<EndResult>>();
  #starting = 0;
  #closed = false;

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  async create(request: CreateTerminalRequest): Promise<{ terminalId: string }> {
    const options = this.#options;
    if (this.#closed) throw RequestError.internalError(undefined, "the session is ending");
    if (this.#terminals.size + this.#starting >= options.terminalsMax) {
      throw RequestError.internalError(undefined, `${options.terminalsMax} terminals are open; release one first`);
    }
    this.#starting += 1;
    try {
      const cwd = await resolveInside({ root: options.root, cwd: options.cwd, path: request.cwd ?? options.cwd });
      const variables = Object.fromEntries((request.env ?? []).map(({ name, value }) => [name, value]));
      const terminalId = options.mintId();
      const child = await startChild({
        ...commandLine(request),
        cwd,
        environment: { ...options.environment, ...variables },
        mark: terminalId,
        timers: options.timers,
      });
      child.input.end();
      const tail = new ByteTail(Math.min(request.outputByteLimit ?? options.outputMaxBytes, options.outputMaxBytes));
      const terminal: Terminal = { child, tail, exit: undefined };
      this.#terminals.set(terminalId, terminal);
      for (const stream of [child.output, child.errors]) {
        stream.on("data", (chunk: Buffer) => {
          tail.push(chunk);
          options.onOutput(terminalId);
        });
      }
      void child.exited.then((exit) => {
        terminal.exit = exit;
        options.onOutput(terminalId);
      });
      options.onGroupsChanged();
      if (this.#closed) await this.#end(terminal);
      return { terminalId };
    } catch (error) {
      if (error instanceof SpawnError || error instanceof TypeError)
        throw RequestError.invalidParams({ command: request.command }, error.message);
      throw refusal(error, request.cwd ?? request.command);
    } finally {
      this.#starting -= 1;
    }
  }

  output(terminalId: string): TerminalOutputResponse {
    const terminal = this.#get(terminalId);
    const output = terminal.tail.text();
    return {
      output,
      truncated: terminal.tail.truncated,
      ...(terminal.exit === undefined ? {} : { exitStatus: exitStatus(terminal.exit) }),
    };
  }

  async waitForExit(terminalId: string): Promise<WaitForTerminalExitResponse> {
    return exitStatus(await this.#get(terminalId).child.exited);
  }

  async kill(terminalId: string): Promise<Record<string, never>> {
    await this.#end(this.#get(terminalId));
    return {};
  }

  async release(terminalId: string): Promise<Record<string, never>> {
    const terminal = this.#get(terminalId);
    this.#released.set(terminalId, terminal.tail.text().slice(-RELEASED_MAX_CHARACTERS));
    for (const oldest of this.#released.keys()) {
      if (this.#released.size <= RELEASED_MAX) break;
      this.#released.delete(oldest);
    }
    this.#terminals.delete(terminalId);
    await this.#end(terminal);
    return {};
  }

  /** The end of its output, also after its release; undefined for an unknown one. */
  tailOf(terminalId: string): string | undefined {
    return this.#terminals.get(terminalId)?.tail.text() ?? this.#released.get(terminalId);
  }

  groups(): ProcessGroupRecord[] {
    return [
      ...new Set<ProcessGroupRecord>([
        ...[...this.#terminals.values()].map((terminal) => terminal.child),
        ...this.#ending.keys(),
      ]),
    ];
  }

  /** Ends all and resolves when they are gone; none can be created any more. */
  async close(terminateWaitMs = this.#options.endLimits.terminateWaitMs): Promise<void> {
    this.#closed = true;
    const limits = { ...this.#options.endLimits, terminateWaitMs };
    await Promise.all([...this.#terminals.values()].map((terminal) => this.#end(terminal, limits)));
    await Promise.all(this.#ending.values());
    this.#terminals.clear();
    this.#options.onGroupsChanged();
  }

  #get(terminalId: string): Terminal {
    const terminal = this.#terminals.get(terminalId);
    if (terminal === undefined) throw RequestError.resourceNotFound(terminalId);
    return terminal;
  }

  async #end(terminal: Terminal, limits = this.#options.endLimits): Promise<void> {
    const { child } = terminal;
    const ending = this.#ending.get(child) ?? child.end(limits);
    this.#ending.set(child, ending);
    if ((await ending) !== "stuck") this.#ending.delete(child);
    this.#options.onGroupsChanged();
  }
}

const exitStatus = (exit: ChildExit): { exitCode: number | null; signal: string | null } => ({
  ...ENDED,
  exitCode: exit.code,
  signal: exit.signal,
});
