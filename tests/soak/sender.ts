// A client as it should be: every command has its id from the beginning and is sent again under it until the hub has
// given its last word, whatever happens to hub, daemon and connection meanwhile.
import { setTimeout as pause } from "node:timers/promises";
import type { MusterClient, NewCommand } from "@muster/client";
import { type ClientCommandInput, MusterError } from "@muster/contracts";
import type { CommandRecord, Outcome } from "./record.ts";

const TRY_MAX_MS = 20_000;
const RETRY_MS = 150;

export class Sender {
  readonly commands: CommandRecord[] = [];
  /** What no client should meet, in words. */
  readonly problems: string[] = [];
  readonly #client: () => MusterClient;
  /** No more tries. */
  readonly #end = new AbortController();

  /** `client` gives the newest one: the hub's address outlives its process, its token may not. */
  constructor(client: () => MusterClient) {
    this.#client = client;
  }

  get client(): MusterClient {
    return this.#client();
  }

  /** Resolves with the hub's last word. */
  send(command: NewCommand): Promise<Outcome> {
    return this.sendAgain({ ...command, commandId: command.commandId ?? this.client.ids.next() } as ClientCommandInput);
  }

  /** The same command as another client with the same id would send it. */
  async sendAgain(command: ClientCommandInput): Promise<Outcome> {
    const record: CommandRecord = { command, outcome: { status: "unknown" }, tries: 0 };
    this.commands.push(record);
    while (!this.#end.signal.aborted) {
      record.tries += 1;
      const outcome = await this.#try(command);
      if (outcome !== null) {
        record.outcome = outcome;
        return outcome;
      }
      await pause(RETRY_MS);
    }
    return record.outcome;
  }

  giveUp(): void {
    this.#end.abort();
  }

  /** Null: nobody knows yet. */
  async #try(command: ClientCommandInput): Promise<Outcome | null> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(TRY_MAX_MS)]);
    try {
      const { generation, sequence } = await this.client.api.orchestration.dispatchCommand(command, { signal });
      return { status: "accepted", generation, sequence };
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof MusterError)) throw error;
      if (error.code === "internal_error") this.problems.push(`${command.type} was answered internal_error`);
      return error.row.retryable ? null : { status: "refused", code: error.code };
    }
  }
}
