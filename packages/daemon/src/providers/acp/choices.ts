// The model and the effort that a person chose, told to an agent that announces a choice of them: by the protocol's
// config options (categories `model` and `thought_level`), or by the model list that older agents announce instead.
// What the agent has no place for is not an error: it is reported, and the turn runs with what the agent uses.
import type { ClientContext } from "@agentclientprotocol/sdk";
import { type Timers, within } from "../../processes/index.ts";
import type { TurnChoices, UnmetChoice } from "../provider.ts";
import { describeError } from "./handshake.ts";
import { type Fields, fieldsOf, listOf, textOf } from "./text.ts";

interface Value {
  readonly id: string;
  readonly name: string;
}

interface Selector {
  /** Of the config option; null: the older list of models. */
  readonly configId: string | null;
  readonly values: readonly Value[];
  currentId: string | undefined;
}

type Kind = UnmetChoice["kind"];

/** More values than this of one option are not looked at. */
const VALUES_MAX = 1_000;
const CATEGORIES: ReadonlyMap<string, Kind> = new Map([
  ["model", "model"],
  ["thought_level", "effort"],
]);

export interface ChoicesOptions {
  readonly agent: ClientContext;
  readonly sessionId: string;
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** The answer to session/new, session/load or session/resume. */
  readonly opened: Fields;
}

export class Choices {
  readonly #options: ChoicesOptions;
  readonly #selectors = new Map<Kind, Selector>();
  /** What the agent used before anybody chose: a turn without a choice goes back to it. */
  readonly #initial = new Map<Kind, string>();

  constructor(options: ChoicesOptions) {
    this.#options = options;
    this.#readModels(fieldsOf(options.opened["models"]));
    this.learn(options.opened["configOptions"]);
    for (const [kind, { currentId }] of this.#selectors)
      if (currentId !== undefined) this.#initial.set(kind, currentId);
  }

  /** Takes over the config options as the agent tells them now; anything else changes nothing. */
  learn(configOptions: unknown): void {
    for (const entry of listOf(configOptions)) {
      const option = fieldsOf(entry);
      const kind = CATEGORIES.get(textOf(option["category"]) ?? "");
      const configId = textOf(option["id"]);
      if (kind === undefined || configId === undefined || option["type"] !== "select") continue;
      this.#selectors.set(kind, {
        configId,
        values: valuesOf(option["options"]),
        currentId: textOf(option["currentValue"]),
      });
    }
  }

  /** Tells the agent what differs from what it uses, and resolves with what it could not be told. Never rejects. */
  async apply(choices: TurnChoices): Promise<UnmetChoice[]> {
    const unmet: UnmetChoice[] = [];
    // The model first: what efforts there are may hang on it.
    for (const kind of ["model", "effort"] as const) {
      const wanted = choices[kind] ?? null;
      const why = await this.#applyOne(kind, wanted);
      if (why !== null && wanted !== null) unmet.push({ kind, wanted, why });
    }
    return unmet;
  }

  /** Null when the agent uses it. */
  async #applyOne(kind: Kind, wanted: string | null): Promise<string | null> {
    const selector = this.#selectors.get(kind);
    const wish = wanted ?? this.#initial.get(kind);
    if (wish === undefined) return null;
    if (selector === undefined) return `the agent offers no choice of ${kind}`;
    const value = findValue(selector.values, wish);
    if (value === undefined) {
      const names = selector.values.slice(0, 12).map(({ id }) => id);
      return `the agent has no such ${kind}; it has ${names.join(", ") || "none"}`;
    }
    return value.id === selector.currentId ? null : this.#set(kind, selector, value);
  }

  async #set(kind: Kind, selector: Selector, value: Value): Promise<string | null> {
    const { agent, sessionId, timers, timeoutMs } = this.#options;
    const asked =
      selector.configId === null
        ? agent.request<unknown>("session/set_model", { sessionId, modelId: value.id })
        : agent.request("session/set_config_option", { sessionId, configId: selector.configId, value: value.id });
    const answered = await within(
      timers,
      timeoutMs,
      asked.then(
        (answer) => ({ answer: fieldsOf(answer) }),
        (error: unknown) => ({ error }),
      ),
    );
    if (answered === undefined) return "the agent did not answer in time";
    if ("error" in answered) return `the agent refused it: ${describeError(answered.error)}`;
    selector.currentId = value.id;
    this.learn(answered.answer["configOptions"]);
    return this.#selectors.get(kind)?.currentId === value.id ? null : "the agent uses another one nevertheless";
  }

  #readModels(models: Fields): void {
    const values = listOf(models["availableModels"])
      .slice(0, VALUES_MAX)
      .flatMap((entry) => namedValue(fieldsOf(entry), "modelId"));
    if (values.length > 0)
      this.#selectors.set("model", { configId: null, values, currentId: textOf(models["currentModelId"]) });
  }
}

const namedValue = (fields: Fields, key: string): Value[] => {
  const id = textOf(fields[key]);
  return id === undefined ? [] : [{ id, name: textOf(fields["name"]) ?? id }];
};

/** Options stand alone or in groups; a group holds no groups. */
const valuesOf = (options: unknown, isGroup = false): Value[] =>
  listOf(options)
    .slice(0, VALUES_MAX)
    .flatMap((entry) => {
      const fields = fieldsOf(entry);
      return "options" in fields && !isGroup ? valuesOf(fields["options"], true) : namedValue(fields, "value");
    });

/** By its id, else by its id or name in any case; never by a part of it. */
const findValue = (values: readonly Value[], wish: string): Value | undefined => {
  const lower = wish.toLowerCase();
  return (
    values.find(({ id }) => id === wish) ??
    values.find(({ id, name }) => id.toLowerCase() === lower || name.toLowerCase() === lower)
  );
};
