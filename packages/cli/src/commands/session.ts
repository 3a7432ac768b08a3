// session: the shared pieces of work that one belongs to. Who belongs to one is members.ts.
import type { SessionState, SessionSummary } from "@muster/contracts";
import type { Command } from "commander";
import { confirm } from "../confirm.ts";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { isActiveSlot } from "../nodes.ts";
import { facts, table } from "../output/table.ts";
import { counted, oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";
import { sessionState } from "../output/words.ts";
import { findSession, SESSION_OPTION } from "../sessions.ts";
import { addMemberCommands, memberTable } from "./members.ts";

interface FloorOptions {
  readonly session?: string;
  readonly lower?: boolean;
}

export function addSessionCommands({ program, context }: Registry): void {
  const session = program
    .command("session")
    .description("the shared pieces of work: who belongs to them, and what they ask of machines")
    .addHelpText("after", examples("session list", 'session new "Shop"', "session members"));
  session
    .command("list")
    .description("list the sessions you belong to")
    .addHelpText("after", examples("session list", "session list --json"))
    .action((_options: object, command: Command) => listSessions(context(command)));
  session
    .command("new")
    .description("open a session; you own it")
    .argument("<title>", "what to call it")
    .addHelpText("after", examples('session new "Shop"'))
    .action((title: string, _options: object, command: Command) => newSession(context(command), title));
  session
    .command("show")
    .description("show a session and who belongs to it")
    .argument("[session]", "id or title; your only one, else the default one when absent")
    .addHelpText("after", examples("session show", 'session show "Shop" --json'))
    .action((given: string | undefined, _options: object, command: Command) => showSession(context(command), given));
  addMemberCommands({ session, context });
  session
    .command("rename")
    .description("give a session another title")
    .argument("<title>", "what to call it from now on")
    .option(...SESSION_OPTION)
    .addHelpText("after", examples('session rename "Shop, second try" --session 3f9ac210'))
    .action(async (title: string, options: { session?: string }, command: Command) => {
      const { hub, sessionId, said } = await chosen(context(command), options.session);
      const updated = await hub.api.sessions.update({ sessionId, title });
      said(updated, `is the session's title now`);
    });
  addStateCommands({ session, context });
  session
    .command("floor")
    .description("set the least version of Muster that machines need to work; older ones may only look")
    .argument("<version>", 'as "1.4", or "none" for every version')
    .option(...SESSION_OPTION)
    .option("--lower", "let older machines work again; needed to lower the floor, and recorded")
    .addHelpText("after", examples("session floor 1.4", "session floor 1.3 --lower", "session floor none --lower"))
    .action(async (given: string, options: FloorOptions, command: Command) => {
      const used = context(command);
      const { hub, sessionId, said } = await chosen(used, options.session);
      const minClientVersion = given === "none" ? null : given;
      const updated = await hub.api.sessions.setFloor({ sessionId, minClientVersion, lower: options.lower === true });
      const floor = updated.minClientVersion;
      said(updated, floor === null ? "takes machines of every version now" : `asks machines for version ${floor} now`);
      const { nodes } = await hub.api.nodes.list();
      const below = nodes.filter((node) => node.sessionId === sessionId && isActiveSlot(node) && node.readOnly).length;
      if (below > 0)
        used.voice.note(
          `${counted(below, "machine")} below it may only look until Muster is upgraded there: \`muster nodes\``,
        );
    });
}

interface Group {
  readonly session: Command;
  readonly context: Registry["context"];
}

function addStateCommands({ session, context }: Group): void {
  const sessionArgument = ["<session>", "id or title"] as const;
  const update = async (used: Context, given: string, state: SessionState, words: string): Promise<void> => {
    const { hub, sessionId, said } = await chosen(used, given);
    said(await hub.api.sessions.update({ sessionId, state }), words);
  };
  session
    .command("archive")
    .description("let everything be read, and nothing begin")
    .argument(...sessionArgument)
    .addHelpText("after", examples('session archive "Shop"'))
    .action((given: string, _options: object, command: Command) =>
      update(context(command), given, "archived", "is archived: everything can be read, and nothing begins"),
    );
  session
    .command("reopen")
    .description("make an archived session active again")
    .argument(...sessionArgument)
    .addHelpText("after", examples('session reopen "Shop"'))
    .action((given: string, _options: object, command: Command) =>
      update(context(command), given, "active", "is active again"),
    );
  session
    .command("close")
    .description("end a session for good; it is gone for everyone")
    .argument(...sessionArgument)
    .option("--yes", "do not ask")
    .addHelpText("after", examples('session close "Shop"', "session close 3f9ac210 --yes"))
    .action(async (given: string, options: { yes?: boolean }, command: Command) => {
      const used = context(command);
      const { title, hub, sessionId, said } = await chosen(used, given);
      await confirm(used, `Close "${oneLine(title)}" for good, for everyone`, options.yes);
      said(await hub.api.sessions.update({ sessionId, state: "closed" }), "is closed");
    });
}

/** The default session of a space is made under a name that says so. */
const titleOf = ({ title, isDefault }: SessionSummary): string =>
  isDefault && !/default/i.test(title) ? `${oneLine(title)} (default)` : oneLine(title);

/** The session, and how to say what became of it. */
async function chosen(context: Context, given: string | undefined) {
  const hub = connect(context);
  const { sessionId, title } = await findSession(hub, given);
  const said = (session: SessionSummary, words: string): void =>
    context.voice.answer({
      json: { session },
      text: `${context.paint("green", "✓")} "${oneLine(session.title)}" ${words}.\n`,
      quiet: [session.sessionId],
    });
  return { hub, sessionId, title, said };
}

async function listSessions(context: Context): Promise<void> {
  const { paint, shell, width, voice } = context;
  const { sessions } = await connect(context).api.sessions.list();
  const rows = sessions.map((session) => [
    titleOf(session),
    sessionState(session.state, paint),
    session.role,
    String(session.memberCount),
    String(session.nodeCount),
    session.minClientVersion ?? "",
    ago(session.updatedAt, shell.now()),
    paint("dim", shortId(session.sessionId)),
  ]);
  const columns = [
    { title: "SESSION", isFlexible: true },
    { title: "STATE" },
    { title: "YOU" },
    { title: "MEMBERS", align: "right" },
    { title: "MACHINES", align: "right" },
    { title: "FLOOR", spare: 1 },
    { title: "CHANGED", spare: 2 },
    { title: "ID" },
  ] as const;
  voice.answer({
    json: { sessions },
    text: sessions.length === 0 ? "You belong to no session.\n" : table({ columns, rows, width, paint }),
    quiet: sessions.map(({ sessionId }) => sessionId),
  });
}

async function newSession(context: Context, title: string): Promise<void> {
  const session = await connect(context).api.sessions.create({ title });
  const { paint, muster, voice } = context;
  voice.answer({
    json: { session },
    text: `${paint("green", "✓")} "${oneLine(session.title)}" is open, and yours ${paint("dim", `(${shortId(session.sessionId)})`)}\n`,
    quiet: [session.sessionId],
  });
  voice.note(`Next: ${muster} invite --session ${shortId(session.sessionId)}`);
}

async function showSession(context: Context, given: string | undefined): Promise<void> {
  const { paint, shell, voice } = context;
  const hub = connect(context);
  const { sessionId } = await findSession(hub, given);
  const [session, { members }] = await Promise.all([
    hub.api.sessions.get({ sessionId }),
    hub.api.sessions.members({ sessionId }),
  ]);
  const text = facts(
    [
      ["Session", paint("bold", titleOf(session))],
      ["Id", sessionId],
      ["State", sessionState(session.state, paint)],
      ["You", session.role],
      ["Floor", session.minClientVersion ?? "none: machines of every version may work"],
      ["Machines", String(session.nodeCount)],
      ["Opened", ago(session.createdAt, shell.now())],
    ],
    paint,
  );
  voice.answer({ json: { session, members }, text: `${text}\n${memberTable(context, members)}`, quiet: [sessionId] });
}
