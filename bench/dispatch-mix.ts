// The command mix of the dispatch benchmarks. A cycle of a client: make a thread, start a turn, rename the thread, queue
// a turn, stop. Commands are made before the time runs.
import { type ClientCommand, ClientCommand as ClientCommandSchema } from "@muster/contracts";
import { type Clock, createIds, type Ids, type Random } from "@muster/core";

export const clock: Clock = { now: () => Date.now() };
export const random: Random = { fill: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) };
export const COMMANDS_PER_CYCLE = 5;

const commandOf = (ids: Ids, client: { threadId: string }, turn: number): ClientCommand => {
  const step = turn % COMMANDS_PER_CYCLE;
  if (step === 0) client.threadId = ids.next();
  const given = { commandId: ids.next(), clientCreatedAt: new Date().toISOString(), threadId: client.threadId };
  const message = () => ({
    messageId: ids.next(),
    role: "user",
    text: "Please look into the failing test. ".repeat(8),
  });
  const start = () => ({ ...given, type: "thread.turn.start", turnId: ids.next(), message: message() });
  const thread = { projectId: "project", provider: "sample", branch: null, worktreePath: null };
  const commands = [
    () => ({ ...given, type: "thread.create", title: "A thread", runtimeMode: "approval-required", ...thread }),
    start,
    () => ({ ...given, type: "thread.meta.update", title: `A thread that was renamed in turn ${turn}` }),
    () => ({ ...start(), whenBusy: "queue" }),
    () => ({ ...given, type: "thread.session.stop" }),
  ];
  return ClientCommandSchema.parse(commands[step]?.());
};

/** The commands of each client, in their order. */
export const scriptsOf = (clients: number, commands: number): ClientCommand[][] => {
  const ids = createIds(clock, random);
  const perClient = Math.floor(commands / clients);
  return Array.from({ length: clients }, () => {
    const state = { threadId: "" };
    return Array.from({ length: perClient }, (_one, turn) => commandOf(ids, state, turn));
  });
};

export const createProject = (sessionId: string): ClientCommand =>
  ClientCommandSchema.parse({
    type: "project.create",
    commandId: "project",
    projectId: "project",
    sessionId,
    nodeId: "node",
    title: "A project",
    workspaceRoot: "/work",
  });
