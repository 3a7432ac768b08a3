// Readers of the feed over the client package, cut at random and taken up again, through every kill.
import { setTimeout as pause } from "node:timers/promises";
import type { ThreadId } from "@muster/contracts";
import type { Dice } from "./random.ts";
import type { FollowerRecord, Stretch } from "./record.ts";
import type { Sender } from "./sender.ts";

const CUT_MIN_MS = 500;
const CUT_MAX_MS = 6_000;

export interface ReaderOptions {
  readonly sender: Sender;
  readonly dice: Dice;
  readonly signal: AbortSignal;
  readonly name: string;
  readonly threadId: ThreadId | null;
}

export class FeedReader {
  readonly record: FollowerRecord;
  readonly #options: ReaderOptions;
  #generation = "";

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.record = { name: options.name, threadId: options.threadId, stretches: [] };
  }

  /** The last sequence it knows of. */
  get reached(): number {
    const stretch = this.record.stretches.at(-1);
    return stretch?.events.at(-1)?.sequence ?? stretch?.after ?? 0;
  }

  async run(): Promise<void> {
    const { signal, sender, name } = this.#options;
    let stretch: Stretch | undefined;
    while (!signal.aborted) {
      try {
        stretch ??= await this.#begin();
        if (await this.#follow(stretch)) stretch = undefined;
      } catch (error) {
        if (!signal.aborted) sender.problems.push(`reader ${name} met ${String(error)}`);
        await pause(500);
      }
    }
  }

  async #begin(): Promise<Stretch> {
    const { sender, signal } = this.#options;
    for (;;) {
      try {
        const { generation, snapshotSequence } = await sender.client.api.orchestration.getSnapshot(
          { limit: 1 },
          { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) },
        );
        this.#generation = generation;
        const stretch: Stretch = { after: snapshotSequence, events: [] };
        this.record.stretches.push(stretch);
        return stretch;
      } catch (error) {
        if (signal.aborted) throw error;
        await pause(200);
      }
    }
  }

  /** One connection and what the client makes of it, until it is cut. True: a snapshot is needed. */
  async #follow(stretch: Stretch): Promise<boolean> {
    const { sender, signal, dice, threadId } = this.#options;
    const cut = AbortSignal.any([signal, AbortSignal.timeout(dice.between(CUT_MIN_MS, CUT_MAX_MS))]);
    const after = `${this.#generation}:${stretch.events.at(-1)?.sequence ?? stretch.after}`;
    const messages = sender.client.followFeed({
      after,
      signal: cut,
      ...(threadId === null ? {} : { threadId }),
    });
    for await (const message of messages) {
      if (message.type === "reset") return true;
      if (message.type !== "event") continue;
      const { sequence, eventId } = message.event;
      stretch.events.push({ sequence, eventId });
    }
    return false;
  }
}
