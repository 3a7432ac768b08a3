// token: what programs show to the hub instead of a login. A secret is told once, when its token is made.
import { TOKEN_DAYS_MAX, TokenScope, type TokenSummary } from "@muster/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { connect } from "../hub.ts";
import { matchId } from "../ids.ts";
import { table } from "../output/table.ts";
import { oneLine } from "../output/text.ts";
import { ago, until } from "../output/time.ts";

interface NewOptions {
  readonly scope: TokenScope;
  readonly expires: number | null;
}

const DAYS_DEFAULT = 90;
const ID_CHARACTERS_SHOWN = 8;

export function addTokenCommands({ program, context }: Registry): void {
  const token = program
    .command("token")
    .description("tokens for programs, and the logins of browsers")
    .addHelpText("after", examples("token list", 'token new "nightly build" --scope write', "token revoke 5c2f0a1b"));
  token
    .command("list")
    .description("list your tokens and logins; the secrets are kept nowhere")
    .option("--all", "those of everybody; for owners of the default session")
    .addHelpText("after", examples("token list", "token list --all --json"))
    .action((options: { all?: boolean }, command: Command) => listTokens(context(command), options.all === true));
  token
    .command("new")
    .description("make a token and print its secret, once")
    .argument("<label>", "what it is for")
    .addOption(
      new Option("--scope <scope>", "what it is good for: to look, to work as well, or for all that you may")
        .choices(TokenScope.options)
        .default("full"),
    )
    .option("--expires <days>", "days it is good for, or never", parseDays, DAYS_DEFAULT)
    .addHelpText(
      "after",
      examples('token new "nightly build"', 'token new "wall display" --scope read --expires never'),
    )
    .action((label: string, options: NewOptions, command: Command) => newToken(context(command), label, options));
  token
    .command("revoke")
    .description("make a token or a login worthless at once")
    .argument("<token>", "id, or a beginning of it, as `muster token list` shows it")
    .option("--all", "look among those of everybody; for owners of the default session")
    .addHelpText("after", examples("token revoke 5c2f0a1b"))
    .action((given: string, options: { all?: boolean }, command: Command) =>
      revokeToken(context(command), given, options.all === true),
    );
}

/** `30`, `30d`, `never` for null. */
export function parseDays(text: string): number | null {
  if (text === "never") return null;
  const days = Number(/^(\d{1,4})d?$/.exec(text)?.[1] ?? 0);
  if (days < 1 || days > TOKEN_DAYS_MAX)
    throw new InvalidArgumentError(`It is a number of days from 1 to ${TOKEN_DAYS_MAX}, or never.`);
  return days;
}

function stateOf({ revokedAt, expiresAt, isCurrent }: TokenSummary, { paint, shell }: Context): string {
  if (revokedAt !== null) return paint("dim", `revoked ${ago(revokedAt, shell.now())}`);
  if (expiresAt !== null && Date.parse(expiresAt) <= shell.now()) return paint("dim", "expired");
  const good = expiresAt === null ? "good" : `good ${until(expiresAt, shell.now())}`;
  return paint("green", isCurrent ? `${good} (this one)` : good);
}

async function listTokens(context: Context, all: boolean): Promise<void> {
  const { paint, shell, width, voice } = context;
  const { tokens } = await connect(context).api.tokens.list({ all });
  const rows = tokens.map((token) => [
    oneLine(token.label) || (token.kind === "browser" ? "a browser's login" : ""),
    token.kind === "browser" ? "login" : token.scope,
    stateOf(token, context),
    ago(token.createdAt, shell.now()),
    ago(token.lastUsedAt, shell.now()),
    ...(all ? [oneLine(token.displayName)] : []),
    paint("dim", token.tokenId.slice(0, ID_CHARACTERS_SHOWN)),
  ]);
  const columns = [
    { title: "WHAT FOR", isFlexible: true },
    { title: "SCOPE" },
    { title: "STATE" },
    { title: "MADE", spare: 2 },
    { title: "USED", spare: 1 },
    ...(all ? [{ title: "WHOSE" }] : []),
    { title: "ID" },
  ];
  voice.answer({
    json: { tokens },
    text: tokens.length === 0 ? "You have no token.\n" : table({ columns, rows, width, paint }),
    quiet: tokens.filter(({ revokedAt }) => revokedAt === null).map(({ tokenId }) => tokenId),
  });
}

async function newToken(context: Context, label: string, { scope, expires }: NewOptions): Promise<void> {
  const { token, secret } = await connect(context).api.tokens.create({ label, scope, expiresInDays: expires });
  const { voice, shell } = context;
  voice.answer({ json: { token, secret }, text: `${secret}\n`, quiet: [secret] });
  const good = token.expiresAt === null ? "until it is revoked" : until(token.expiresAt, shell.now());
  voice.note(
    `It is told this once. Scope ${token.scope}, good ${good}; give it as MUSTER_TOKEN, never as an argument.`,
  );
}

async function revokeToken(context: Context, given: string, all: boolean): Promise<void> {
  const hub = connect(context);
  const { tokens } = await hub.api.tokens.list({ all });
  const choices = tokens.map((each) => ({ id: each.tokenId, title: oneLine(each.label) || each.kind }));
  const { id, title } = matchId({ given, noun: "token", missing: "token_not_found" }, choices);
  const token = await hub.api.tokens.revoke({ tokenId: id });
  context.voice.answer({
    json: { token },
    text: `${context.paint("green", "✓")} The token ${id.slice(0, ID_CHARACTERS_SHOWN)} (${title}) is worthless now.\n`,
    quiet: [id],
  });
}
