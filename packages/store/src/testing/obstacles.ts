// Things that stand in a store's way on purpose: transactions that hold what it needs.
import { PATIENCE_MS } from "@muster/core/testing";
import { Client } from "pg";
import type { PostgresAddress } from "../postgres/testing.ts";

export interface Obstacle {
  /** One more statement in its transaction. */
  run(sql: string): Promise<void>;
  /** Rolls its transaction back. */
  release(): Promise<void>;
}

/** A transaction that has run the statement and stays open. */
export const holdOpen = async (address: PostgresAddress, sql: string): Promise<Obstacle> => {
  const client = new Client(address);
  client.on("error", () => undefined);
  await client.connect();
  await client.query("BEGIN");
  await client.query(sql);
  return {
    run: async (more) => {
      await client.query(more);
    },
    release: async () => {
      await client.query("ROLLBACK");
      await client.end();
    },
  };
};

/** Asks until the answer is the one that is waited for. */
export const until = async <Answer>(ask: () => Promise<Answer>, isIt: (answer: Answer) => boolean): Promise<Answer> => {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const answer = await ask();
    if (isIt(answer)) return answer;
  }
  throw new Error("what was waited for never came true");
};
