// The integrity of the hub's database file. A small one is checked before anything starts; of a large one the check goes
// on behind a hub that serves already. Found damaged, it is written to no more: what was answered so far can still be
// read and copied out, and nothing is answered that the damage could swallow.
import { MusterError } from "@muster/contracts";
import { checkSqliteFile, type FileCheck, type Store, StoreError } from "@muster/store";
import type { HubDatabase } from "./home.ts";

/**
 * Files up to this size are checked before the hub starts, which takes some tenths of a second at most. Larger ones would
 * hold up every start: 1.5 GB take 3 s from memory, and as long as the disk takes to read it otherwise.
 */
export const CHECKED_AT_START_MAX_BYTES = 64 * 1024 * 1024;

/** `unchecked`: nobody can or could tell; PostgreSQL checks its own pages. */
export type DatabaseIntegrity = "ok" | "checking" | "damaged" | "unchecked";

interface CheckLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}

/** What a person is told, wherever it shows. */
export const damagedDatabase = (path: string, finding: string): MusterError =>
  new MusterError(
    "database_corrupt",
    `The hub's database ${path} is damaged, so nothing more is written to it: ${finding}`,
    { path },
  );

export class DatabaseCheck {
  readonly #path: string | undefined;
  readonly #log: CheckLog;
  #state: DatabaseIntegrity;
  #damage: string | null = null;
  #running: FileCheck | null = null;
  /** The given store; once damage is found its commits throw `corrupt`. */
  readonly store: Store;

  constructor({ store, uncheckedFile }: Pick<HubDatabase, "store" | "uncheckedFile">, log: CheckLog) {
    this.#path = uncheckedFile;
    this.#log = log;
    this.#state = store.dialect === "sqlite" && uncheckedFile === undefined ? "ok" : "unchecked";
    this.store = uncheckedFile === undefined ? store : this.#guarded(store);
  }

  get state(): DatabaseIntegrity {
    return this.#state;
  }

  /** Starts the check where one is due. */
  start(): void {
    const path = this.#path;
    if (path === undefined || this.#running !== null) return;
    this.#state = "checking";
    const began = performance.now();
    this.#running = checkSqliteFile(path);
    this.#log.info({ path }, "the database is being checked beside what is served");
    void this.#running.result.then((result) => {
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      if (result.status === "sound") {
        this.#state = "ok";
        this.#log.info({ path, seconds }, "the database passed its integrity check");
      } else if (result.status === "damaged") {
        this.#state = "damaged";
        this.#damage = result.finding;
        this.#log.fatal({ err: damagedDatabase(path, result.finding), path, seconds }, "the database is damaged");
      } else {
        this.#state = "unchecked";
        if (result.status === "failed")
          this.#log.warn({ path, reason: result.reason }, "the database could not be checked");
      }
    });
  }

  /** Ends a check that goes on. */
  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  #guarded(store: Store): Store {
    const { openScratch } = store;
    const commitOf = (target: Pick<Store, "commit">): Store["commit"] => {
      return async (batch) => {
        if (this.#damage !== null)
          throw new StoreError("corrupt", damagedDatabase(this.#path ?? "", this.#damage).message);
        return target.commit(batch);
      };
    };
    return {
      dialect: store.dialect,
      read: (query) => store.read(query),
      readTransaction: (queries) => store.readTransaction(queries),
      commit: commitOf(store),
      migrate: (set, stamp) => store.migrate(set, stamp),
      ...(store.listen !== undefined && { listen: store.listen.bind(store) }),
      ...(store.prepare !== undefined && { prepare: store.prepare.bind(store) }),
      ...(openScratch !== undefined && {
        openScratch: async () => {
          const scratch = await openScratch.call(store);
          return { ...scratch, commit: commitOf(scratch) };
        },
      }),
      close: () => store.close(),
    };
  }
}
