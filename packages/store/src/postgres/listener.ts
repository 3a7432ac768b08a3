// Hears of other processes' commits on a connection of its own, which it renews for ever: a hint may be lost with the
// connection, so every renewal is a hint too.
import { Client, type ClientConfig } from "pg";
import { toStoreError } from "./errors.ts";
import { LISTEN_AGAIN_MS } from "./limits.ts";

export class Listener {
  readonly #config: ClientConfig;
  readonly #channel: string;
  readonly #wake: () => void;
  #client: Client | undefined;
  #again: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(config: ClientConfig, channel: string, wake: () => void) {
    this.#config = config;
    this.#channel = channel;
    this.#wake = wake;
  }

  /** Resolves when it hears. Throws `unavailable`. */
  async open(): Promise<void> {
    const client = new Client(this.#config);
    this.#client = client;
    client.on("error", () => undefined);
    client.on("notification", this.#wake);
    try {
      await client.connect();
      await client.query(`LISTEN ${this.#channel}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw toStoreError(error, "open");
    }
    client.on("end", () => this.#openLater());
  }

  /** Hears nothing more. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#again);
    await this.#client?.end().catch(() => undefined);
  }

  #openLater(): void {
    if (this.#isClosed) return;
    this.#again = setTimeout(() => {
      this.open().then(
        () => (this.#isClosed ? this.close() : this.#wake()),
        () => this.#openLater(),
      );
    }, LISTEN_AGAIN_MS);
  }
}
