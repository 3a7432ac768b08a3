// A real daemon in a temporary home, on a scripted hub: what the daemon's tests share.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EffectBody, MessageId, ProjectId, ThreadId, TurnId } from "@muster/contracts";
import type { RunningDaemon, StartOptions } from "../../daemon.ts";
import { type PreparedDaemon, prepareDaemon } from "../../prepare.ts";
import { type Environment, systemTimers, type Timers } from "../../processes/index.ts";
import { sampleConfiguration } from "../../providers/index.ts";
import { ScriptedHub } from "./scripted-hub.ts";

const endings: (() => Promise<unknown> | unknown)[] = [];

/** Ends everything that was opened; for `afterEach`. */
export const endAll = async (): Promise<void> => {
  for (const end of endings.splice(0).reverse()) await end();
};
export const atEnd = (end: () => Promise<unknown> | unknown): void => {
  endings.push(end);
};

export const temporaryFolder = (): string => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "muster-daemon-")));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

export const openHub = async (): Promise<ScriptedHub> => {
  const hub = await new ScriptedHub().listen();
  atEnd(() => hub.close());
  return hub;
};

export interface World {
  readonly folder: string;
  readonly home: string;
  /** A git repository with one commit, inside the daemon's only root. */
  readonly workspace: string;
  readonly hub: ScriptedHub;
}

export const openWorld = async (): Promise<World> => {
  const folder = temporaryFolder();
  const workspace = join(folder, "root", "workspace");
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(workspace, "README.md"), "# A folder to try things\n");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.email=t@example.org", "-c", "user.name=t", ...args], { cwd: workspace });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "first");
  return { folder, home: join(folder, "home"), workspace, hub: await openHub() };
};

export const sampleOf = (folder: string, args: readonly string[] = []) =>
  sampleConfiguration({
    args,
    env: { MUSTER_SAMPLE_DELAY_MS: "0", MUSTER_SAMPLE_STATE: join(folder, "sample-state") },
  });

export const startOptions = (world: World, more: Partial<StartOptions> = {}): StartOptions => ({
  hubUrl: world.hub.url,
  spaceId: "space-1",
  workspaceRoots: [join(world.folder, "root")],
  version: "0.1.0",
  logLevel: "debug",
  providers: [sampleOf(world.folder)],
  ...more,
});

/** A daemon that the scripted hub has welcomed. */
export const openDaemon = async (
  world: World,
  more: Partial<StartOptions> = {},
  agentTimers: Timers = systemTimers,
  environment?: Environment,
): Promise<{ prepared: PreparedDaemon; running: RunningDaemon }> => {
  const prepared = await prepareDaemon({
    home: world.home,
    agentTimers,
    ...(environment === undefined ? {} : { environment }),
  });
  atEnd(() => prepared.close());
  const running = await prepared.start(startOptions(world, more));
  await running.connected;
  return { prepared, running };
};

export const startOf = (
  world: World,
  text: string,
  more: Partial<Extract<EffectBody, { kind: "node.turn.start" }>> = {},
): Extract<EffectBody, { kind: "node.turn.start" }> => ({
  kind: "node.turn.start",
  threadId: "thread" as ThreadId,
  turnId: randomUUID() as TurnId,
  turnCount: 1,
  projectId: "project" as ProjectId,
  workspaceRoot: world.workspace,
  worktreePath: null,
  provider: "sample",
  model: null,
  effort: null,
  runtimeMode: "full-access",
  messageId: randomUUID() as MessageId,
  text,
  attachments: [],
  correlationId: null,
  preamble: null,
  ...more,
});
