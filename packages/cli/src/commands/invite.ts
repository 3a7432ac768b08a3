// invite: links that let one person and their machine into a session, once.
import { INVITE_HOURS_DEFAULT, INVITE_HOURS_MAX, type Invite, Role } from "@muster/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { connect } from "../hub.ts";
import { matchId, shortId } from "../ids.ts";
import { isLocalLink } from "../join/link.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago, until } from "../output/time.ts";
import { inviteState } from "../output/words.ts";
import { findSession, nameOfPrincipal, SESSION_OPTION } from "../sessions.ts";

interface NewOptions {
  readonly session?: string;
  readonly role: Role;
  readonly expires: number;
}

export function addInviteCommands({ program, context }: Registry): void {
  const invite = program
    .command("invite")
    .description("let another machine, or another person, into a session")
    .addHelpText(
      "after",
      examples("invite", "invite --role viewer --expires 12h", "invite list", "invite revoke 3f9ac210"),
    );
  invite
    .command("new", { isDefault: true })
    .description("print the one line to run on the other machine (what `muster invite` alone does)")
    .option(...SESSION_OPTION)
    .addOption(
      new Option("--role <role>", "what whoever follows it may do; only owners and contributors bring machines")
        .choices(Role.options)
        .default("runtime_contributor"),
    )
    .option("--expires <time>", "how long it is good, as 12h or 7d", parseHours, INVITE_HOURS_DEFAULT)
    .addHelpText(
      "after",
      `${examples("invite new", 'invite new --session "Shop" --role collaborator', "invite new --quiet")}\n\nThe link works once. A person opens it in a browser; a machine takes it with \`muster join\`. --quiet prints the link alone.`,
    )
    .action((options: NewOptions, command: Command) => makeInvite(context(command), options));
  invite
    .command("list")
    .description("list the invites of a session, newest first")
    .option(...SESSION_OPTION)
    .addHelpText("after", examples("invite list", "invite list --json"))
    .action((options: { session?: string }, command: Command) => listInvites(context(command), options.session));
  invite
    .command("revoke")
    .description("make a link worthless that was not used yet")
    .argument("<invite>", "id, or a beginning or end of it")
    .option(...SESSION_OPTION)
    .addHelpText("after", examples("invite revoke 3f9ac210"))
    .action((given: string, options: { session?: string }, command: Command) =>
      revokeInvite(context(command), given, options.session),
    );
}

/** `12h`, `7d`. */
export function parseHours(text: string): number {
  const match = /^(\d{1,4})([hd])$/.exec(text);
  const hours = match === null ? 0 : Number(match[1]) * (match[2] === "d" ? 24 : 1);
  if (hours < 1 || hours > INVITE_HOURS_MAX)
    throw new InvalidArgumentError(`It is a number of hours or days, from 1h to ${INVITE_HOURS_MAX / 24}d.`);
  return hours;
}

const LOCAL_LINK = `This link works on this machine only, because the hub listens on loopback. For others start it with
\`muster up --public-url https://…\` behind a proxy with TLS, or \`muster up --host 0.0.0.0 --trust-network\`.`;

async function makeInvite(context: Context, options: NewOptions): Promise<void> {
  const { voice, muster, shell } = context;
  const hub = connect(context);
  const session = await findSession(hub, options.session);
  const { invite, joinUrl } = await hub.api.invites.create({
    sessionId: session.sessionId,
    role: options.role,
    expiresInHours: options.expires,
  });
  const command = `${muster} join "${joinUrl}"`;
  voice.answer({ json: { invite, joinUrl, command }, text: `${command}\n`, quiet: [joinUrl] });
  voice.note(
    `Run it on the other machine, or open the link in a browser there. It lets one in, once: into "${oneLine(session.title)}" as ${invite.role}, ${until(invite.expiresAt, shell.now())}.`,
  );
  if (isLocalLink(joinUrl)) voice.note(LOCAL_LINK);
}

async function listInvites(context: Context, given: string | undefined): Promise<void> {
  const { paint, shell, width, voice, muster } = context;
  const hub = connect(context);
  const { sessionId, title } = await findSession(hub, given);
  const [{ invites }, { members }] = await Promise.all([
    hub.api.invites.list({ sessionId }),
    hub.api.sessions.members({ sessionId }),
  ]);
  const rows = invites.map((invite) => [
    inviteState(invite.state, paint),
    invite.role,
    nameOfPrincipal(members, invite.issuedBy),
    ago(invite.createdAt, shell.now()),
    becameOf(invite, members, shell.now()),
    paint("dim", shortId(invite.inviteId)),
  ]);
  const columns = [
    { title: "STATE" },
    { title: "ROLE" },
    { title: "BY", spare: 2 },
    { title: "MADE", spare: 1 },
    { title: "WHAT BECAME OF IT", isFlexible: true },
    { title: "ID" },
  ];
  voice.answer({
    json: { sessionId, invites },
    text: invites.length === 0 ? `No invite into "${oneLine(title)}".\n` : table({ columns, rows, width, paint }),
    quiet: invites.filter(({ state }) => state === "pending").map(({ inviteId }) => inviteId),
  });
  if (invites.length === 0) voice.note(`Next: ${muster} invite`);
}

type Members = Parameters<typeof nameOfPrincipal>[0];

function becameOf(invite: Invite, members: Members, now: number): string {
  switch (invite.state) {
    case "pending":
      return `good ${until(invite.expiresAt, now)}`;
    case "redeemed":
      return `used ${ago(invite.settledAt, now)}${invite.redeemedBy === null ? "" : ` by ${nameOfPrincipal(members, invite.redeemedBy)}`}`;
    case "revoked":
      return `revoked ${ago(invite.settledAt, now)}`;
    case "expired":
      return `expired ${ago(invite.expiresAt, now)}`;
  }
}

async function revokeInvite(context: Context, given: string, session: string | undefined): Promise<void> {
  const hub = connect(context);
  const { sessionId } = await findSession(hub, session);
  const { invites } = await hub.api.invites.list({ sessionId });
  const choices = invites.map((each) => ({ ...each, id: each.inviteId, title: `${each.state}, ${each.role}` }));
  const { id, state } = matchId({ given, noun: "invite", missing: "invite_not_found" }, choices);
  if (state === "redeemed")
    throw refusal(
      "invite_used",
      `The invite ${shortId(id)} was used, so there is nothing left to revoke.`,
      "`muster invite list` says by whom; `muster session remove` takes them out.",
    );
  const invite = await hub.api.invites.revoke({ sessionId, inviteId: id });
  context.voice.answer({
    json: { invite },
    text: `${context.paint("green", "✓")} The invite ${shortId(id)} is worthless now.\n`,
    quiet: [id],
  });
}
