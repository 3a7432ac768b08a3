// The models and efforts the sample agent pretends to have, announced as the protocol's config options.
import { RequestError, type SessionConfigOption } from "@agentclientprotocol/sdk";

const MODELS = ["plain", "fancy"] as const;
const EFFORTS = ["low", "medium", "high"] as const;

export class Models {
  readonly #areAnnounced: boolean;
  #model: string = MODELS[0];
  #effort: string = EFFORTS[1];

  constructor(areAnnounced: boolean) {
    this.#areAnnounced = areAnnounced;
  }

  get chosen(): string {
    return `Model ${this.#model}, effort ${this.#effort}.`;
  }

  /** What is announced with a conversation. */
  announced(): { configOptions?: SessionConfigOption[] } {
    return this.#areAnnounced ? { configOptions: this.#options() } : {};
  }

  set(configId: string, value: unknown): { configOptions: SessionConfigOption[] } {
    const known: readonly string[] = configId === "model" ? MODELS : configId === "effort" ? EFFORTS : [];
    if (typeof value !== "string" || !known.includes(value)) throw RequestError.invalidParams({ configId, value });
    if (configId === "model") this.#model = value;
    else this.#effort = value;
    return { configOptions: this.#options() };
  }

  #options(): SessionConfigOption[] {
    return [
      {
        type: "select",
        id: "model",
        name: "Model",
        category: "model",
        currentValue: this.#model,
        options: MODELS.map((value) => ({ value, name: `The ${value} one` })),
      },
      {
        type: "select",
        id: "effort",
        name: "Effort",
        category: "thought_level",
        currentValue: this.#effort,
        options: EFFORTS.map((value) => ({ value, name: value })),
      },
    ];
  }
}
