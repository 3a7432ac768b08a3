// A private PostgreSQL server for tests and benchmarks, reachable by its own socket only. It belongs to the process that
// called for it and ends with that process, however it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { PostgresAddress } from "../postgres/testing.ts";

export interface PostgresOffer {
  /** Path of a socket; who connects to it gets the address of the server, which the first one starts. */
  readonly control: string;
  /** Stops the server, if it was started, and removes its directory. */
  stop(): Promise<void>;
}

/**
 * A server that is started when somebody asks for it.
 * @param env what its process finds beside the environment of this one
 */
export const offerPostgres = async (env: NodeJS.ProcessEnv = {}): Promise<PostgresOffer> => {
  const script = fileURLToPath(new URL("./supervisor.ts", import.meta.url));
  // A group of its own, so that an interrupt at the terminal does not end it before its server.
  const supervisor = spawn(process.execPath, [script], {
    // biome-ignore lint/style/noProcessEnv: what a child process gets when nothing is said
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const [control] = (await once(createInterface({ input: supervisor.stdout }), "line")) as [string];
  return {
    control,
    stop: async () => {
      if (supervisor.exitCode !== null) return;
      const ended = once(supervisor, "exit");
      supervisor.stdin.end();
      await ended;
    },
  };
};

/** The address behind an offer; starts the server unless it runs. Throws with what the server said when it cannot. */
export const takeOffer = async (control: string): Promise<PostgresAddress> => {
  const answer = JSON.parse(await text(connect(control))) as PostgresAddress | { readonly error: string };
  if ("error" in answer) throw new Error(answer.error);
  return answer;
};

/** A server of the caller's own. */
export const startPostgres = async (): Promise<{ readonly address: PostgresAddress; stop(): Promise<void> }> => {
  const offer = await offerPostgres();
  try {
    return { address: await takeOffer(offer.control), stop: offer.stop };
  } catch (error) {
    await offer.stop();
    throw error;
  }
};
