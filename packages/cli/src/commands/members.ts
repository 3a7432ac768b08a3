// session members, role, suspend, restore, remove, leave: who belongs to a session, and what they may do there.
import { type MembershipState, Role, type SessionMember } from "@muster/contracts";
import { Argument, type Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { shortId } from "../ids.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago } from "../output/time.ts";
import { memberState } from "../output/words.ts";
import { chooseMember, findSession, SESSION_OPTION } from "../sessions.ts";

interface Group {
  readonly session: Command;
  readonly context: Registry["context"];
}

interface InSession {
  readonly session?: string;
}

const MEMBER = ["<member>", "name, id, or a beginning or end of it"] as const;

export function addMemberCommands({ session, context }: Group): void {
  session
    .command("members")
    .description("list who belongs to a session")
    .argument("[session]", "id or title; your only one, else the default one when absent")
    .addHelpText("after", examples("session members", 'session members "Shop" --json'))
    .action((given: string | undefined, _options: object, command: Command) => listMembers(context(command), given));
  session
    .command("role")
    .description("change what a member may do")
    .argument(...MEMBER)
    .addArgument(new Argument("<role>", "what the member may do from now on").choices(Role.options))
    .option(...SESSION_OPTION)
    .addHelpText("after", examples("session role Ada collaborator", 'session role Ada owner --session "Shop"'))
    .action((given: string, role: Role, options: InSession, command: Command) =>
      setMember(context(command), given, { ...options, role, words: `is ${role} now` }),
    );
  const states = [
    ["suspend", "suspended", "keep a member out for now; its machines get nothing new", "is suspended"],
    ["restore", "active", "take a suspended or removed member in again", "is active again"],
    ["remove", "revoked", "remove a member; its machines get nothing new", "was removed"],
  ] as const;
  for (const [name, state, description, words] of states) {
    session
      .command(name)
      .description(description)
      .argument(...MEMBER)
      .option(...SESSION_OPTION)
      .addHelpText("after", examples(`session ${name} Ada`, `session ${name} Ada --session "Shop"`))
      .action((given: string, options: InSession, command: Command) =>
        setMember(context(command), given, { ...options, state, words }),
      );
  }
  session
    .command("leave")
    .description("leave a session; your machines get nothing new from it")
    .argument("<session>", "id or title")
    .addHelpText("after", examples('session leave "Shop"'))
    .action((given: string, _options: object, command: Command) => leaveSession(context(command), given));
}

export function memberTable({ paint, shell, width }: Context, members: readonly SessionMember[]): string {
  const rows = members.map((member) => [
    oneLine(member.displayName),
    member.role,
    memberState(member.state, paint),
    member.kind === "human" ? "person" : member.kind,
    String(member.nodeIds.length),
    ago(member.joinedAt, shell.now()),
    paint("dim", shortId(member.participantId)),
  ]);
  const columns = [
    { title: "MEMBER", isFlexible: true },
    { title: "ROLE" },
    { title: "STATE" },
    { title: "KIND", spare: 2 },
    { title: "MACHINES", align: "right", spare: 1 },
    { title: "JOINED", spare: 3 },
    { title: "ID" },
  ] as const;
  return table({ columns, rows, width, paint });
}

async function listMembers(context: Context, given: string | undefined): Promise<void> {
  const hub = connect(context);
  const { sessionId } = await findSession(hub, given);
  const { members } = await hub.api.sessions.members({ sessionId });
  context.voice.answer({
    json: { sessionId, members },
    text: memberTable(context, members),
    quiet: members.map(({ participantId }) => participantId),
  });
}

interface Change extends InSession {
  readonly role?: Role;
  readonly state?: Exclude<MembershipState, "pending">;
  /** What is true of the member then. */
  readonly words: string;
}

async function setMember(context: Context, given: string, { session, role, state, words }: Change): Promise<void> {
  const hub = connect(context);
  const { sessionId, title } = await findSession(hub, session);
  const { members } = await hub.api.sessions.members({ sessionId });
  const { participantId } = chooseMember(members, given);
  const member = await hub.api.sessions.setMember({
    sessionId,
    participantId,
    ...(role === undefined ? {} : { role }),
    ...(state === undefined ? {} : { state }),
  });
  context.voice.answer({
    json: { sessionId, member },
    text: `${context.paint("green", "✓")} ${oneLine(member.displayName)} ${words}, in "${oneLine(title)}".\n`,
    quiet: [participantId],
  });
}

async function leaveSession(context: Context, given: string): Promise<void> {
  const hub = connect(context);
  const { sessionId, title } = await findSession(hub, given);
  await hub.api.sessions.leave({ sessionId });
  context.voice.answer({
    json: { sessionId, left: true },
    text: `${context.paint("green", "✓")} You left "${oneLine(title)}".\n`,
    quiet: [sessionId],
  });
}
