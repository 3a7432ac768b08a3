// Performs a prompt: the directives it holds, or the default scene when it holds none.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { RequestError, type StopReason } from "@agentclientprotocol/sdk";
import { type Directive, parsePrompt } from "./language.ts";
import { Cancelled, type Stage, textContent } from "./stage.ts";

export interface Scene {
  readonly stage: Stage;
  /** Text of the prompt's last block, which is the request itself. */
  readonly request: string;
  /** All text of the prompt. */
  readonly everything: string;
  readonly rememberedTurns: number;
  /** Model and effort in use, for people. */
  readonly chosen: string;
  /** What came beside the prompt. */
  readonly meta: Readonly<Record<string, unknown>>;
}

const PLAN = ["Look around", "Do the work", "Say what was done"];
const GRANDCHILD = 'process.on("SIGTERM", () => {}); process.stdout.write("ready"); setInterval(() => {}, 1000);';

const remembering = (turns: number): string => `I remember ${turns} earlier ${turns === 1 ? "turn" : "turns"}.`;

const performDefault = async ({ stage, request, rememberedTurns }: Scene): Promise<void> => {
  const topic = request.split("\n")[0]?.slice(0, 80) ?? "";
  await stage.say(
    `${rememberedTurns > 0 ? `${remembering(rememberedTurns)} ` : ""}You asked: "${topic}". I look at the folder first.`,
  );
  const readme = await stage.read("README.md");
  const heading = readme
    ?.split("\n")
    .find((line) => line.trim() !== "")
    ?.replace(/^#+\s*/, "");
  await stage.say(heading === undefined ? "There is no README.md here. " : `The folder is "${heading.slice(0, 80)}". `);
  await stage.say("I would like to write down what I learned in NOTES.md.");
  const written = await stage.edit("NOTES.md", `# Notes\n\n- Asked: ${topic}\n- README: ${heading ?? "none"}\n`, true);
  await stage.say(written ? "I wrote NOTES.md. That is all." : "I left the folder as it was.");
};

const performPlan = async (stage: Stage): Promise<void> => {
  for (let done = 0; done <= PLAN.length; done += 1) {
    const entries = PLAN.map((content, index) => ({
      content,
      priority: "medium" as const,
      status: index < done ? ("completed" as const) : index === done ? ("in_progress" as const) : ("pending" as const),
    }));
    await stage.update({ sessionUpdate: "plan", entries });
    await stage.wait(stage.options.delayMs);
  }
};

const performAsk = async (stage: Stage, together: boolean): Promise<void> => {
  const askOnce = async (what: string): Promise<string> => {
    const toolCallId = await stage.begin("execute", what, { rawInput: { command: what } });
    const allowed = await stage.ask(toolCallId, what, "execute", { command: what });
    await stage.change(toolCallId, allowed ? "completed" : "failed");
    return allowed ? "allowed" : "rejected";
  };
  const answers = together
    ? await Promise.all([askOnce("echo one"), askOnce("echo two")])
    : [await askOnce("echo same"), await askOnce("echo same")];
  await stage.say(`Answers: ${answers.join(", ")}.`);
};

const performFlood = async (stage: Stage, updates: number): Promise<void> => {
  const toolCallId = await stage.begin("execute", `flood of ${updates}`);
  for (let index = 1; index <= updates; index += 1)
    await stage.change(toolCallId, "in_progress", [textContent(`update ${index} of ${updates}`)]);
  await stage.change(toolCallId, "completed", [textContent(`update ${updates} of ${updates}, the last`)]);
};

const performGarbage = async (megabytes: number): Promise<void> => {
  const line = megabytes > 0 ? "x".repeat(megabytes * 1024 * 1024) : "this is no message of the protocol";
  await new Promise<void>((done) => process.stdout.write(`${line}\n`, () => done()));
};

const performFork = async (stage: Stage): Promise<void> => {
  const grandchild = spawn(process.execPath, ["-e", GRANDCHILD], { stdio: ["ignore", "pipe", "ignore"] });
  await once(grandchild.stdout, "data");
  await stage.say(`Grandchild: ${grandchild.pid ?? 0}.`);
};

/** Performs one directive; returns a stop reason when it ends the turn. */
const performOne = async (directive: Directive, scene: Scene): Promise<StopReason | undefined> => {
  const { stage } = scene;
  switch (directive.kind) {
    case "say":
      await stage.say(directive.text);
      return;
    case "think":
      await stage.say(directive.text, "agent_thought_chunk");
      return;
    case "stream":
      for (let index = 0; index < directive.chunks; index += 1)
        await stage.chunk("abcdefghij".repeat(Math.ceil(directive.characters / 10)).slice(0, directive.characters));
      return;
    case "read": {
      const text = await stage.read(directive.path);
      await stage.say(
        text === undefined ? `I could not read ${directive.path}.` : `${directive.path} has ${text.length} characters.`,
      );
      return;
    }
    case "edit":
      await stage.say(
        (await stage.edit(directive.path, directive.content, directive.asks))
          ? `Wrote ${directive.path}.`
          : `Did not write ${directive.path}.`,
      );
      return;
    case "run": {
      const code = await stage.run(directive.command, directive.asks);
      await stage.say(code === undefined ? "The command did not run to its end." : `The command ended with ${code}.`);
      return;
    }
    case "plan":
      return void (await performPlan(stage));
    case "usage":
      await stage.update({
        sessionUpdate: "usage_update",
        used: directive.tokens,
        size: 200_000,
        ...(directive.cost === undefined ? {} : { cost: { amount: directive.cost, currency: "USD" } }),
      });
      return;
    case "recall":
      return void (await stage.say(remembering(scene.rememberedTurns)));
    case "repeat":
      return void (await stage.say(scene.everything));
    case "ask":
      return void (await performAsk(stage, directive.together));
    case "wait":
      return void (await stage.wait(directive.waitMs));
    case "fail":
      throw RequestError.internalError({ reason: "the prompt told me to fail" }, "as told");
    case "stop":
      return directive.reason;
    case "hang":
      if (directive.forever) {
        process.on("SIGTERM", () => {});
        await stage.say("Hanging.");
        await new Promise<never>(() => {});
      }
      await stage.untilCancelled();
      throw new Cancelled();
    case "late":
      await stage.untilCancelled();
      await stage.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "One more thing." } });
      return "end_turn";
    case "afterwards":
      setTimeout(
        () =>
          void stage.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: directive.text } }),
        20,
      );
      return;
    case "stray":
      await stage.update(
        { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "not yours" } },
        "another-session",
      );
      await stage.options.client.notify<unknown>("session/update", {
        sessionId: stage.options.sessionId,
        update: { sessionUpdate: "of_the_future" },
      });
      await stage.options.client.notify<unknown>("session/update", "no object at all");
      return;
    case "flood":
      return void (await performFlood(stage, directive.updates));
    case "garbage":
      return void (await performGarbage(directive.megabytes));
    case "die":
      await new Promise<void>((done) => process.stderr.write(`${directive.lastWords}\n`, () => done()));
      return process.exit(3);
    case "die-asking":
      void stage.ask("call-never", "echo never", "execute", { command: "echo never" }).catch(() => {});
      // What was sent before this has left when this has.
      await stage.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "Asked." } });
      await new Promise<void>((done) => process.stdout.write("", () => done()));
      return process.exit(3);
    case "model":
      return void (await stage.say(scene.chosen));
    case "trace":
      return void (await stage.say(`Trace: ${String(scene.meta["traceparent"] ?? "none")}.`));
    case "fork":
      return void (await performFork(stage));
  }
};

/** Performs the prompt and says why it ended. Throws only what `fail` asks for. */
export const perform = async (scene: Scene): Promise<StopReason> => {
  const directives = parsePrompt(scene.request);
  try {
    if (directives.length === 0) await performDefault(scene);
    for (const directive of directives) {
      const reason = await performOne(directive, scene);
      if (reason !== undefined) return reason;
      await scene.stage.wait(0);
    }
    return "end_turn";
  } catch (error) {
    if (error instanceof Cancelled) return "cancelled";
    throw error;
  }
};
