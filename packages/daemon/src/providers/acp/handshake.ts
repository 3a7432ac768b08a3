// From a started process to an open conversation: initialize, then take up the old conversation or begin a new one.
// Every way this can fail becomes a ProviderError that says what happened, why, and what a person can do.
import { PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk";
import { type Timers, within } from "../../processes/index.ts";
import type { ProviderLimits } from "../limits.ts";
import { type ProviderConfiguration, ProviderError, type ToolServer } from "../provider.ts";
import type { Connection } from "./connection.ts";
import { clean, cutEnd, type Fields, fieldsOf, listOf, textOf } from "./text.ts";

export interface Handshake {
  readonly providerThreadId: string;
  readonly agentName: string | undefined;
  readonly agentVersion: string | undefined;
  readonly canLoad: boolean;
  readonly loaded: boolean;
  /** The agent takes attached files as such, not only as text. */
  readonly takesResources: boolean;
  /** The answer that opened the conversation: what else the agent says of it. */
  readonly opened: Fields;
}

export interface HandshakeOptions {
  readonly configuration: ProviderConfiguration;
  readonly cwd: string;
  readonly resume: string | undefined;
  readonly toolServers: readonly ToolServer[];
  readonly limits: ProviderLimits;
  readonly timers: Timers;
}

const AUTH_REQUIRED = -32000;
const CLIENT_INFO = { name: "muster", title: "Muster", version: "0.1.0" };

export const isLoginRequired = (error: unknown): error is RequestError =>
  error instanceof RequestError && error.code === AUTH_REQUIRED;

/** What an agent's error says, with its data, short enough to show. */
export const describeError = (error: unknown): string => {
  if (!(error instanceof RequestError)) return error instanceof Error ? error.message : String(error);
  return cutEnd(clean(`${error.message} (${error.code})${jsonOf(error.data)}`), 2_000);
};

/** Nothing where it cannot be written: an agent may nest as deep as it likes. */
const jsonOf = (data: unknown): string => {
  try {
    return data === undefined ? "" : ` ${JSON.stringify(data)}`;
  } catch {
    return "";
  }
};

/** Lists the ways to log in that the agent named. */
const loginWays = (initialized: Fields): string =>
  listOf(initialized["authMethods"])
    .slice(0, 8)
    .map((entry) => {
      const method = fieldsOf(entry);
      const name = textOf(method["name"]) ?? textOf(method["id"]) ?? "";
      const description = textOf(method["description"]);
      return cutEnd(clean(description === undefined ? name : `${name} (${description})`), 300);
    })
    .join("; ");

export const loginError = (
  configuration: ProviderConfiguration,
  error: unknown,
  ways: string,
  stderrTail: string,
): ProviderError => {
  const title = configuration.title ?? configuration.name;
  const what =
    configuration.loginHint ?? `Run \`${configuration.command}\` once in a terminal on this machine and log in there.`;
  const offered = ways === "" ? "" : ` It offers: ${ways}.`;
  return new ProviderError(
    "agent_login_required",
    `${title} asks for a login of its own (${describeError(error)}). ${what}${offered}`,
    { stderrTail, cause: error },
  );
};

/** Resolves when the conversation is open. Rejects with a ProviderError; the caller then ends the process. */
export const shakeHands = async (connection: Connection, options: HandshakeOptions): Promise<Handshake> => {
  const { configuration, limits, timers } = options;
  const title = configuration.title ?? configuration.name;
  const commandLine = [configuration.command, ...(configuration.args ?? [])].join(" ");
  const tail = (): string => connection.child.errorTail();
  const failed = (why: string, cause?: unknown): ProviderError =>
    new ProviderError(
      "agent_handshake_failed",
      `${title} ${why}. Run \`${commandLine}\` by hand on this machine to see what it wants.`,
      { stderrTail: tail(), cause },
    );

  let onGarbage = (_excerpt: string): void => {};
  const garbage = new Promise<string>((resolve) => {
    onGarbage = resolve;
  });
  connection.onMalformed = (excerpt) => onGarbage(excerpt);

  /** Waits for one answer of the agent, or for what makes it impossible. */
  const step = async (name: string, timeoutMs: number, answer: Promise<unknown>): Promise<Fields> => {
    type End = { fields: Fields } | { error: ProviderError } | { refused: unknown };
    // When the line closes the pending answer fails too; what the exit says is the better reason, so it is waited for.
    const gone = connection.closed.then(async (): Promise<End> => {
      const exit = await within(timers, limits.terminateWaitMs, connection.child.exited);
      if (exit === undefined) return { error: failed(`closed its standard output during ${name}`) };
      const how = exit.signal === null ? `with code ${exit.code ?? "unknown"}` : `by ${exit.signal}`;
      return { error: failed(`ended ${how} during ${name}`) };
    });
    const end = await within<End>(
      timers,
      timeoutMs,
      Promise.race([
        answer.then(
          (value): End => ({ fields: fieldsOf(value) }),
          (error: unknown): End | Promise<End> => (error instanceof RequestError ? { refused: error } : gone),
        ),
        gone,
        garbage.then(
          (excerpt): End => ({
            error: failed(
              `printed something that is no message of the Agent Client Protocol: ${JSON.stringify(excerpt)}`,
            ),
          }),
        ),
      ]),
    );
    if (end === undefined) throw failed(`did not answer ${name} within ${timeoutMs} ms`);
    if ("error" in end) throw end.error;
    if ("refused" in end) throw end.refused;
    return end.fields;
  };

  const initialized = await step(
    "initialize",
    limits.handshakeTimeoutMs,
    connection.agent.request("initialize", {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true }, terminal: true },
      clientInfo: CLIENT_INFO,
    }),
  ).catch((error: unknown) => {
    throw error instanceof ProviderError ? error : failed(`refused initialize: ${describeError(error)}`, error);
  });
  if (initialized["protocolVersion"] !== PROTOCOL_VERSION) {
    throw new ProviderError(
      "agent_protocol_error",
      `${title} speaks version ${String(initialized["protocolVersion"])} of the Agent Client Protocol, Muster speaks ${PROTOCOL_VERSION}. Install a version of the agent that speaks ${PROTOCOL_VERSION}.`,
      { stderrTail: tail() },
    );
  }
  const capabilities = fieldsOf(initialized["agentCapabilities"]);
  const resumes = "resume" in fieldsOf(capabilities["sessionCapabilities"]);
  const canLoad = capabilities["loadSession"] === true || resumes;
  const mcpServers = options.toolServers.map((server) => ({
    name: server.name,
    command: server.command,
    args: [...server.args],
    env: Object.entries(server.env).map(([name, value]) => ({ name, value })),
  }));

  const refuseLogin = (error: unknown): void => {
    if (isLoginRequired(error)) throw loginError(configuration, error, loginWays(initialized), tail());
  };
  const takeUp = async (sessionId: string): Promise<Fields | undefined> => {
    const params = { sessionId, cwd: options.cwd, mcpServers };
    try {
      const answer =
        capabilities["loadSession"] === true
          ? connection.agent.request("session/load", params)
          : connection.agent.request("session/resume", params);
      return await step("session/load", limits.loadTimeoutMs, answer);
    } catch (error) {
      refuseLogin(error);
      if (error instanceof RequestError) return undefined; // it does not know the conversation any more: a new one begins
      throw error;
    }
  };
  const begin = async (): Promise<{ sessionId: string; opened: Fields }> => {
    try {
      const answer = await step(
        "session/new",
        limits.handshakeTimeoutMs,
        connection.agent.request("session/new", { cwd: options.cwd, mcpServers }),
      );
      const sessionId = textOf(answer["sessionId"]);
      if (sessionId !== undefined && sessionId !== "") return { sessionId, opened: answer };
    } catch (error) {
      refuseLogin(error);
      throw error instanceof ProviderError ? error : failed(`refused session/new: ${describeError(error)}`, error);
    }
    throw new ProviderError(
      "agent_protocol_error",
      `${title} opened a conversation without giving its id. Report it to the agent's makers.`,
      { stderrTail: tail() },
    );
  };

  const { resume } = options;
  const loaded = resume !== undefined && canLoad ? await takeUp(resume) : undefined;
  const { sessionId: providerThreadId, opened } =
    loaded !== undefined && resume !== undefined ? { sessionId: resume, opened: loaded } : await begin();
  connection.onMalformed = () => {};
  const info = fieldsOf(initialized["agentInfo"]);
  const agentName = textOf(info["title"]) ?? textOf(info["name"]);
  const agentVersion = textOf(info["version"]);
  return {
    providerThreadId,
    agentName: agentName === undefined ? undefined : cutEnd(clean(agentName), 256),
    agentVersion: agentVersion === undefined ? undefined : cutEnd(clean(agentVersion), 64),
    canLoad,
    loaded: loaded !== undefined,
    opened,
    takesResources: fieldsOf(capabilities["promptCapabilities"])["embeddedContext"] === true,
  };
};
