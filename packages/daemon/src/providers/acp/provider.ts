// Any agent that speaks the Agent Client Protocol over stdio, as a Provider.
import { realpath, stat } from "node:fs/promises";
import { childEnvironment, SpawnError } from "../../processes/index.ts";
import { PROVIDER_LIMITS } from "../limits.ts";
import {
  type Provider,
  type ProviderConfiguration,
  ProviderError,
  type ProviderSession,
  type StartOptions,
} from "../provider.ts";
import { Connection } from "./connection.ts";
import { shakeHands } from "./handshake.ts";
import { AcpSession } from "./session.ts";
import { fieldsOf } from "./text.ts";
import { CostMeter, usageOfUpdate } from "./usage.ts";
import { isInside } from "./workspace.ts";

const realFolder = async (path: string): Promise<string> => {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch {
    // said below
  }
  throw new ProviderError(
    "workspace_unavailable",
    `${path} is not a folder that can be read. Create it, or give the project another folder.`,
  );
};

const startFailure = (configuration: ProviderConfiguration, error: unknown): ProviderError => {
  const title = configuration.title ?? configuration.name;
  const code = error instanceof SpawnError ? error.code : "UNKNOWN";
  if (code === "ENOENT" || code === "EACCES") {
    const why = code === "ENOENT" ? "is not installed: there is no command" : "can't be run: no permission to execute";
    const hint = configuration.installHint ?? "Install it, or correct the command in the agent's configuration.";
    return new ProviderError(
      "agent_not_found",
      `${title} ${why} \`${configuration.command}\` on this machine. ${hint}`,
      { cause: error },
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ProviderError(
    "agent_handshake_failed",
    `${title} could not be started: ${message}. Check the agent's command and this machine's limits.`,
    { cause: error },
  );
};

const start = async (configuration: ProviderConfiguration, options: StartOptions): Promise<ProviderSession> => {
  const limits = { ...PROVIDER_LIMITS, ...options.limits };
  const root = await realFolder(options.workspaceRoot);
  const cwd = await realFolder(options.cwd);
  if (!isInside(root, cwd))
    throw new ProviderError(
      "workspace_unavailable",
      `${options.cwd} is outside the workspace ${options.workspaceRoot}. Give the thread a folder inside it.`,
    );
  let connection: Connection;
  try {
    connection = await Connection.open({
      command: configuration.command,
      args: configuration.args ?? [],
      environment: childEnvironment({
        base: options.environment,
        pass: configuration.passEnvironment ?? [],
        extra: configuration.env ?? {},
      }),
      root,
      cwd,
      limits,
      timers: options.timers,
      mintId: () => options.ids.mint(),
      onProcessGroups: (groups) => options.onProcessGroups?.(groups),
    });
  } catch (error) {
    throw startFailure(configuration, error);
  }
  const meter = new CostMeter();
  // What is replayed while an old conversation is taken up was told before; only its cost is needed, to count on from it.
  connection.listener = {
    ...connection.listener,
    update: (_sessionId, update) => {
      const fields = fieldsOf(update);
      if (fields["sessionUpdate"] === "usage_update") usageOfUpdate(fields, meter);
    },
  };
  const giveUp = (): void => void connection.end();
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    if (options.signal?.aborted === true) giveUp();
    const handshake = await shakeHands(connection, {
      configuration,
      cwd,
      resume: options.resume?.providerThreadId,
      toolServers: options.toolServers ?? [],
      limits,
      timers: options.timers,
    });
    return new AcpSession({ connection, handshake, configuration, start: options, limits, root, cwd, meter });
  } catch (error) {
    await connection.end();
    if (options.signal?.aborted !== true) throw error;
    const title = configuration.title ?? configuration.name;
    throw new ProviderError("agent_handshake_failed", `${title} was stopped before it was ready. Start another turn.`, {
      cause: error,
    });
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
  }
};

export const createAcpProvider = (configuration: ProviderConfiguration): Provider => ({
  name: configuration.name,
  title: configuration.title ?? configuration.name,
  start: (options) => start(configuration, options),
});
