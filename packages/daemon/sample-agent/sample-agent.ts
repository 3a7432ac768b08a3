// A coding agent that needs no model: a real agent of the Agent Client Protocol over standard input and output, told by
// its prompt what to do. `--help` prints its language. It keeps its conversations, so that they can be taken up again.
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { agent, ndJsonStream, RequestError } from "@agentclientprotocol/sdk";
import { HELP } from "./language.ts";
import { ledgerOf } from "./ledger.ts";
import { type RememberedTurn, recallTurns, rememberTurns } from "./memory.ts";
import { Models } from "./models.ts";
import { perform } from "./performance.ts";
import { Stage } from "./stage.ts";

const switches = new Set(process.argv.slice(2));
const delayMs = Number(process.env["MUSTER_SAMPLE_DELAY_MS"] ?? 15);
const memoryFolder = process.env["MUSTER_SAMPLE_STATE"] ?? join(tmpdir(), "muster-sample-agent");
const SLOW_HANDSHAKE_MS = 60_000;
const CONTEXT_TOKENS = 200_000;

interface Conversation {
  readonly cwd: string;
  readonly turns: RememberedTurn[];
  readonly models: Models;
  running: AbortController | undefined;
}

const conversations = new Map<string, Conversation>();
const canLoad = !switches.has("--no-load");
const newModels = (): Models => new Models(!switches.has("--no-models"));

/** About what a model would count: four characters make a token. */
const tokensIn = (text: string): number => Math.ceil(text.length / 4);

const conversationOf = (sessionId: string): Conversation => {
  const conversation = conversations.get(sessionId);
  if (conversation === undefined) throw RequestError.sessionNotFound(sessionId);
  return conversation;
};

const serve = (): void => {
  const app = agent({ name: "muster-sample-agent" })
    .onRequest("initialize", async () => {
      if (switches.has("--die-in-handshake")) {
        process.stderr.write("told to die in the handshake\n");
        process.exit(7);
      }
      if (switches.has("--slow-handshake")) await pause(SLOW_HANDSHAKE_MS);
      return {
        protocolVersion: 1,
        agentInfo: { name: "muster-sample-agent", title: "Sample agent", version: "0.1.0" },
        agentCapabilities: { loadSession: canLoad, promptCapabilities: { embeddedContext: true } },
        authMethods: switches.has("--login-required")
          ? [{ id: "login", name: "Log in", description: "There is no account; this is a test" }]
          : [],
      };
    })
    .onRequest("session/new", ({ params }) => {
      if (switches.has("--login-required")) throw RequestError.authRequired();
      const sessionId = randomUUID();
      const models = newModels();
      conversations.set(sessionId, { cwd: params.cwd, turns: [], models, running: undefined });
      return { sessionId, ...models.announced() };
    })
    .onRequest("session/load", async ({ params, client }) => {
      const { sessionId } = params;
      const turns = recallTurns(memoryFolder, sessionId);
      if (!canLoad || turns === undefined) throw RequestError.sessionNotFound(sessionId);
      const models = newModels();
      conversations.set(sessionId, { cwd: params.cwd, turns, models, running: undefined });
      for (const turn of turns) {
        await client.notify("session/update", {
          sessionId,
          update: { sessionUpdate: "user_message_chunk", content: { type: "text", text: turn.prompt } },
        });
        await client.notify("session/update", {
          sessionId,
          update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: turn.answer } },
        });
      }
      return models.announced();
    })
    .onRequest("session/set_config_option", ({ params }) =>
      conversationOf(params.sessionId).models.set(params.configId, params.value),
    )
    .onRequest("session/prompt", async ({ params, client }) => {
      const { sessionId } = params;
      const conversation = conversationOf(sessionId);
      const texts = params.prompt.map((block) => {
        if (block.type === "text") return block.text;
        return block.type === "resource" && "text" in block.resource ? block.resource.text : "";
      });
      const everything = texts.join("\n");
      const request = texts.at(-1) ?? "";
      const note = ledgerOf(process.env["MUSTER_SAMPLE_LEDGER"], request);
      note({ kind: "begin" });
      const running = new AbortController();
      conversation.running = running;
      const stage = new Stage({
        client,
        sessionId,
        cwd: conversation.cwd,
        delayMs,
        offersAlways: !switches.has("--no-always"),
        signal: running.signal,
        note,
      });
      try {
        const stopReason = await perform({
          stage,
          request,
          everything,
          rememberedTurns: conversation.turns.length,
          chosen: conversation.models.chosen,
          meta: params._meta ?? {},
        });
        note({ kind: "end", stopReason });
        conversation.turns.push({ prompt: everything, answer: stage.said });
        if (canLoad) rememberTurns(memoryFolder, sessionId, conversation.turns);
        const inputTokens = tokensIn(everything);
        const outputTokens = tokensIn(stage.said);
        const used = conversation.turns.reduce((sum, turn) => sum + tokensIn(turn.prompt) + tokensIn(turn.answer), 0);
        if (!everything.includes("usage "))
          await stage.update({ sessionUpdate: "usage_update", used, size: CONTEXT_TOKENS });
        return { stopReason, usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens } };
      } finally {
        conversation.running = undefined;
      }
    })
    .onNotification("session/cancel", ({ params }) => conversations.get(params.sessionId)?.running?.abort());
  const connection = app.connect(
    ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>),
  );
  // The client is gone: nobody is left to work for.
  void connection.closed.then(() => process.exit(0));
};

if (switches.has("--help")) {
  process.stdout.write(`${HELP}\n`);
} else {
  if (switches.has("--ignore-sigterm")) process.on("SIGTERM", () => {});
  if (switches.has("--garbage")) process.stdout.write("Welcome! This line is no message of the protocol.\n");
  serve();
}
