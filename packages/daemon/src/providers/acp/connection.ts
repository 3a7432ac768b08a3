// A started agent and the line to it: the child, the wire, what we serve to the agent, and what it reported of itself.
// The session and its turns are built on this; here nothing knows what a turn is.
import {
  type ClientContext,
  client,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";
import { type GroupChild, type ProcessGroupRecord, startChild, type Timers } from "../../processes/index.ts";
import type { ProviderLimits } from "../limits.ts";
import { readTextFile, writeTextFile } from "./files.ts";
import { openWire } from "./lines.ts";
import { Terminals } from "./terminals.ts";
import { fieldsOf, textOf } from "./text.ts";

/** What the session hears from the agent; set before the first turn, silent until then. */
export interface AgentListener {
  update(sessionId: string, update: unknown): void;
  permission(params: RequestPermissionRequest, signal: AbortSignal): Promise<RequestPermissionResponse>;
  terminalChanged(terminalId: string): void;
  /** A delivery that must end before more is read. */
  ready(): Promise<void> | undefined;
}

export interface ConnectionOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Real paths. */
  readonly root: string;
  readonly cwd: string;
  readonly limits: ProviderLimits;
  readonly timers: Timers;
  mintId(): string;
  onProcessGroups(groups: readonly ProcessGroupRecord[]): void;
}

const SILENT: AgentListener = {
  update: () => {},
  permission: () => Promise.resolve({ outcome: { outcome: "cancelled" } }),
  terminalChanged: () => {},
  ready: () => undefined,
};

export class Connection {
  readonly child: GroupChild;
  readonly agent: ClientContext;
  readonly terminals: Terminals;
  /** Resolves when the line is closed from either side. */
  readonly closed: Promise<void>;
  listener: AgentListener = SILENT;
  malformedLines = 0;
  /** Called for every malformed line, with its beginning. */
  onMalformed: (excerpt: string) => void = () => {};
  readonly #options: ConnectionOptions;
  readonly #closeLine: () => void;
  #childGone = false;
  #ending: Promise<void> | undefined;

  private constructor(options: ConnectionOptions, child: GroupChild) {
    const { limits, timers } = options;
    this.#options = options;
    this.child = child;
    this.terminals = new Terminals({
      root: options.root,
      cwd: options.cwd,
      environment: options.environment,
      timers,
      endLimits: limits,
      terminalsMax: limits.terminalsMax,
      outputMaxBytes: limits.terminalOutputMaxBytes,
      mintId: options.mintId,
      onOutput: (terminalId) => this.listener.terminalChanged(terminalId),
      onGroupsChanged: () => this.#reportGroups(),
    });
    const files = { root: options.root, cwd: options.cwd, fileMaxBytes: limits.fileMaxBytes };
    const app = client({ name: "muster" })
      .onRequest("session/request_permission", ({ params, signal }) => this.listener.permission(params, signal))
      .onRequest("fs/read_text_file", ({ params }) => readTextFile(files, params))
      .onRequest("fs/write_text_file", ({ params }) => writeTextFile(files, params))
      .onRequest("terminal/create", ({ params }) => this.terminals.create(params))
      .onRequest("terminal/output", ({ params }) => this.terminals.output(params.terminalId))
      .onRequest("terminal/wait_for_exit", ({ params }) => this.terminals.waitForExit(params.terminalId))
      .onRequest("terminal/kill", ({ params }) => this.terminals.kill(params.terminalId))
      .onRequest("terminal/release", ({ params }) => this.terminals.release(params.terminalId));
    const connection = app.connect(
      openWire({
        input: child.input,
        output: child.output,
        lineMaxBytes: limits.lineMaxBytes,
        onUpdate: (params) => {
          const { sessionId, update } = fieldsOf(params);
          this.listener.update(textOf(sessionId) ?? "", update);
        },
        onMalformed: (excerpt) => {
          this.malformedLines += 1;
          this.onMalformed(excerpt);
        },
        ready: () => this.listener.ready(),
      }),
    );
    this.agent = connection.agent;
    this.closed = connection.closed;
    this.#closeLine = () => connection.close();
    this.#reportGroups();
  }

  /** Starts the agent's process; rejects with a SpawnError. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const child = await startChild({
      command: options.command,
      args: options.args,
      cwd: options.cwd,
      environment: options.environment,
      mark: options.mintId(),
      timers: options.timers,
    });
    return new Connection(options, child);
  }

  /** Ends the agent, its terminals and all they started; resolves when the groups are empty. Once, however often called. */
  end(terminateWaitMs = this.#options.limits.terminateWaitMs): Promise<void> {
    this.#ending ??= this.#end(terminateWaitMs);
    return this.#ending;
  }

  async #end(terminateWaitMs: number): Promise<void> {
    const limits = { ...this.#options.limits, terminateWaitMs };
    const [result] = await Promise.all([this.child.end(limits), this.terminals.close(terminateWaitMs)]);
    this.#closeLine();
    // What survived SIGKILL stays recorded: the next start of the daemon tries again.
    this.#childGone = result !== "stuck";
    this.#reportGroups();
  }

  #reportGroups(): void {
    const { processGroupId, processStartTime } = this.child;
    const own = this.#childGone ? [] : [{ processGroupId, processStartTime }];
    const others = this.terminals
      .groups()
      .map((group) => ({ processGroupId: group.processGroupId, processStartTime: group.processStartTime }));
    this.#options.onProcessGroups([...own, ...others]);
  }
}
