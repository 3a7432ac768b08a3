// Hears of other processes' commits on a connection of its own, which it renews for ever: what is told may be lost with the
// connection, so every renewal is a hint too. A server that gives no sign of life is left for a new connection.
import { Client, type ClientConfig } from "pg";
import type { Hearing } from "../port.ts";
import { toStoreError } from "./errors.ts";
import { CONNECT_TIMEOUT_MS, LISTEN_AGAIN_MS, LISTEN_CLOSE_MS } from "./limits.ts";
import type { Channels } from "./lock.ts";

export interface ListenerOptions {
  readonly client: ClientConfig;
  readonly channels: Channels;
  readonly probeMs: number;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #hearing: Hearing;
  #client: Client | undefined;
  /** For the next probe, or the next connection. */
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ListenerOptions, hearing: Hearing) {
    this.#options = options;
    this.#hearing = hearing;
  }

  /** Resolves when it hears. Throws `unavailable`. */
  async open(): Promise<void> {
    const client = new Client(this.#options.client);
    this.#client = client;
    client.on("error", () => undefined);
    client.on("notification", ({ channel, payload }) => this.#heard(channel, payload));
    try {
      await client.connect();
      await ask(client, this.#question(), CONNECT_TIMEOUT_MS);
    } catch (error) {
      await end(client);
      throw toStoreError(error, "open");
    }
    client.on("end", () => this.#openLater());
    this.#probeLater(client);
  }

  /** Hears nothing more. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#client !== undefined) await end(this.#client);
  }

  #question(): string {
    const { numbers, announcements } = this.#options.channels;
    const { onNumbers, onAnnouncement } = this.#hearing;
    const channels = [...(onNumbers ? [numbers] : []), ...(onAnnouncement ? [announcements] : [])];
    return channels.map((channel) => `LISTEN ${channel}`).join("; ");
  }

  #heard(channel: string, payload: string | undefined): void {
    const { numbers } = this.#options.channels;
    if (channel === numbers) this.#hearing.onNumbers?.();
    else this.#hearing.onAnnouncement?.(payload === undefined || payload === "" ? null : payload);
  }

  #mayHaveMissed(): void {
    this.#hearing.onNumbers?.();
    this.#hearing.onAnnouncement?.(null);
  }

  #openLater(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.open().then(
        () => (this.#isClosed ? this.close() : this.#mayHaveMissed()),
        () => this.#openLater(),
      );
    }, LISTEN_AGAIN_MS);
  }

  /** The end of the connection ends it. */
  #probeLater(client: Client): void {
    if (this.#isClosed) return;
    const { probeMs } = this.#options;
    this.#timer = setTimeout(() => {
      ask(client, "SELECT 1", probeMs).then(
        () => this.#probeLater(client),
        () => client.connection.stream.destroy(),
      );
    }, probeMs);
  }
}

const ask = async (client: Client, text: string, timeoutMs: number): Promise<void> => {
  const question = { text, query_timeout: timeoutMs };
  await client.query(question);
};

/** Politely, and after a while however it is: a network that swallows packets swallows the goodbye too. */
async function end(client: Client): Promise<void> {
  const cut = setTimeout(() => client.connection.stream.destroy(), LISTEN_CLOSE_MS);
  await client.end().catch(() => undefined);
  clearTimeout(cut);
}
