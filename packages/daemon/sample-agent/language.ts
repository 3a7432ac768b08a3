// The sample agent's command language: what a prompt tells it to do. Pure: text in, directives out.
// A prompt without any directive is an ordinary request and gets the default performance.

export type Directive =
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "think"; readonly text: string }
  | { readonly kind: "stream"; readonly chunks: number; readonly characters: number }
  | { readonly kind: "read"; readonly path: string }
  | { readonly kind: "edit"; readonly path: string; readonly content: string; readonly asks: boolean }
  | { readonly kind: "run"; readonly command: string; readonly asks: boolean }
  | { readonly kind: "plan" }
  | { readonly kind: "usage"; readonly tokens: number; readonly cost: number | undefined }
  | { readonly kind: "recall" }
  | { readonly kind: "repeat" }
  | { readonly kind: "ask"; readonly together: boolean }
  | { readonly kind: "wait"; readonly waitMs: number }
  | { readonly kind: "fail" }
  | {
      readonly kind: "stop";
      readonly reason: "end_turn" | "max_tokens" | "max_turn_requests" | "refusal" | "cancelled";
    }
  | { readonly kind: "hang"; readonly forever: boolean }
  | { readonly kind: "late" }
  | { readonly kind: "afterwards"; readonly text: string }
  | { readonly kind: "stray" }
  | { readonly kind: "flood"; readonly updates: number }
  | { readonly kind: "garbage"; readonly megabytes: number }
  | { readonly kind: "die"; readonly lastWords: string }
  | { readonly kind: "die-asking" }
  | { readonly kind: "model" }
  | { readonly kind: "trace" }
  | { readonly kind: "fork" };

export const HELP = `A coding agent without a model, to see Muster work and to test it. It speaks the Agent Client Protocol on
standard input and output. Its prompt says what it does: one directive on a line, or several with "; " between them.
Without a directive it reads README.md, describes the folder, asks to write NOTES.md, and writes it when allowed.

  say <text>                           streams the text as its answer
  think <text>                         streams the text as a thought
  stream <n> chunks of <m> characters  streams that much text
  read <path>                          reads a file through the client
  edit <path>: <content>               asks, then writes the file; \\n makes a new line
  edit <path> without asking: <content>
  run <command>                        asks, then runs the command in a terminal of the client
  run without asking: <command>
  plan                                 shows a plan of three steps and completes them
  usage <n> tokens [costing <x>]       reports the context and what the session has cost so far
  recall                               says how many turns it remembers
  repeat                               says everything the prompt held
  ask twice                            asks for the same permission two times, one after the other
  ask at once                          asks for two permissions at the same time
  wait <n> ms                          does nothing for so long
  fail                                 answers the prompt with an error
  stop with <reason>                   ends with that stop reason: max_tokens, max_turn_requests, refusal, cancelled
  hang                                 does nothing until it is cancelled
  hang forever                         ignores the cancel and SIGTERM
  late                                 waits for the cancel, goes on a little, and answers as if nothing had been
  afterwards <text>                    says the text after the turn has ended
  stray                                sends updates for another session and of an unknown kind
  flood <n>                            sends n updates of one tool call
  garbage [<n> megabytes]              prints what is no message of the protocol
  die, die with <text>                 exits with code 3, the text on standard error
  die asking                           asks for a permission and exits before it is answered
  model                                says which model and effort it uses
  trace                                says the trace context that came with the prompt
  fork                                 starts a grandchild that ignores SIGTERM

Options: --help, --die-in-handshake, --garbage, --login-required, --slow-handshake, --no-load, --no-always (never offers
to allow always), --no-models (offers no choice of model or effort), --ignore-sigterm.
Environment: MUSTER_SAMPLE_DELAY_MS (pause between chunks, 15), MUSTER_SAMPLE_STATE (folder of its memory),
MUSTER_SAMPLE_LEDGER (file that gets a line of JSON for everything it did: begin, said, decided, end).`;

type Reader = readonly [pattern: RegExp, make: (...groups: string[]) => Directive];

const unescapeText = (text: string): string => text.replaceAll("\\n", "\n");
const STOP_REASONS = "end_turn|max_tokens|max_turn_requests|refusal|cancelled";

const READERS: readonly Reader[] = [
  [/^say (.+)$/s, (text = "") => ({ kind: "say", text: unescapeText(text) })],
  [/^think (.+)$/s, (text = "") => ({ kind: "think", text: unescapeText(text) })],
  [
    /^stream (\d+) chunks? of (\d+) characters?$/,
    (chunks, characters) => ({ kind: "stream", chunks: Number(chunks), characters: Number(characters) }),
  ],
  [/^read (\S+)$/, (path = "") => ({ kind: "read", path })],
  [
    /^edit (\S+) without asking: ?(.*)$/s,
    (path = "", content = "") => ({ kind: "edit", path, content: unescapeText(content), asks: false }),
  ],
  [
    /^edit (\S+): ?(.*)$/s,
    (path = "", content = "") => ({ kind: "edit", path, content: unescapeText(content), asks: true }),
  ],
  [/^run without asking: ?(.+)$/s, (command = "") => ({ kind: "run", command, asks: false })],
  [/^run (.+)$/s, (command = "") => ({ kind: "run", command, asks: true })],
  [/^plan$/, () => ({ kind: "plan" })],
  [
    /^usage (\d+) tokens(?: costing (\d+(?:\.\d+)?))?$/,
    (tokens, cost) => ({ kind: "usage", tokens: Number(tokens), cost: cost === undefined ? undefined : Number(cost) }),
  ],
  [/^recall$/, () => ({ kind: "recall" })],
  [/^repeat$/, () => ({ kind: "repeat" })],
  [/^ask twice$/, () => ({ kind: "ask", together: false })],
  [/^ask at once$/, () => ({ kind: "ask", together: true })],
  [/^wait (\d+) ms$/, (waitMs) => ({ kind: "wait", waitMs: Number(waitMs) })],
  [/^fail$/, () => ({ kind: "fail" })],
  [
    new RegExp(`^stop with (${STOP_REASONS})$`),
    (reason) => ({ kind: "stop", reason: reason as Extract<Directive, { kind: "stop" }>["reason"] }),
  ],
  [/^hang( forever)?$/, (forever) => ({ kind: "hang", forever: forever !== undefined })],
  [/^late$/, () => ({ kind: "late" })],
  [/^afterwards (.+)$/s, (text = "") => ({ kind: "afterwards", text: unescapeText(text) })],
  [/^stray$/, () => ({ kind: "stray" })],
  [/^flood (\d+)$/, (updates) => ({ kind: "flood", updates: Number(updates) })],
  [/^garbage(?: (\d+) megabytes?)?$/, (megabytes) => ({ kind: "garbage", megabytes: Number(megabytes ?? 0) })],
  [/^die asking$/, () => ({ kind: "die-asking" })],
  [/^model$/, () => ({ kind: "model" })],
  [/^trace$/, () => ({ kind: "trace" })],
  [/^die(?: with (.+))?$/s, (lastWords) => ({ kind: "die", lastWords: unescapeText(lastWords ?? "") })],
  [/^fork$/, () => ({ kind: "fork" })],
];

const parseOne = (text: string): Directive | undefined => {
  for (const [pattern, make] of READERS) {
    const match = pattern.exec(text.trim());
    if (match !== null) return make(...match.slice(1));
  }
  return undefined;
};

/** A semicolon separates only where a directive follows it, so that a command or a sentence may hold one. */
const parseLine = (line: string): Directive[] => {
  const parts = line.split(/;\s+/);
  const directives: Directive[] = [];
  for (let rest = parts; rest.length > 0; ) {
    const next = rest.findIndex((part, index) => index > 0 && parseOne(part) !== undefined);
    const end = next < 0 ? rest.length : next;
    const directive = parseOne(rest.slice(0, end).join("; "));
    if (directive !== undefined) directives.push(directive);
    rest = rest.slice(end);
  }
  return directives;
};

/** The directives of a prompt in their order; empty for an ordinary request. */
export const parsePrompt = (prompt: string): Directive[] => prompt.split("\n").flatMap(parseLine);
