// The journal toward the hub: what happened, on disk before it leaves, numbered without gaps, kept until the hub has it
// and a day longer. Its id names these rows and no others: it survives restarts, and is new when the numbering starts anew.
import { byteLength, type CommandId, type IngestEntry, InternalCommand, JournalId } from "@muster/contracts";
import { type Clock, type Ids, isoTime } from "@muster/core";
import { insertInto, type Statement, type Store } from "@muster/store";
import type { Timers } from "../processes/index.ts";
import { DAEMON_TABLES } from "../schema/index.ts";
import { GroupCommit } from "./group-commit.ts";
import { JOURNAL_LIMITS, type JournalLimits } from "./limits.ts";
import {
  acknowledgeUpTo,
  deleteUpTo,
  entriesAfter,
  hubGenerationOf,
  type JournalState,
  loadState,
  oldestRows,
  payloadBytes,
  rememberHubGeneration,
  renumber,
} from "./statements.ts";
import { ENTRY_MAX_CHARACTERS, withinFrame, withoutBulk } from "./thinning.ts";

export interface JournalEntry {
  readonly command: InternalCommand;
  readonly correlationId: CommandId | null;
}

export interface JournalCounters {
  /** Entries whose payload was dropped because the journal was full. */
  readonly thinnedEntries: number;
  readonly bytes: number;
}

export interface JournalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly timers: Timers;
  readonly limits?: Partial<JournalLimits>;
  /** Called after entries became durable. */
  readonly onAppended?: () => void;
  /** An entry did not fit the contract and was left out: a bug here, which must not block what comes after it. */
  readonly onInvalid?: (command: InternalCommand, issues: readonly string[]) => void;
  /** Called for each try that the disk refused and that is repeated. */
  readonly onDelayed?: (error: Error) => void;
}

/** Above the limit by this factor diffs are dropped too. */
const FULL_FACTOR = 1.125;

export class Journal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #timers: Timers;
  readonly #limits: JournalLimits;
  readonly #commits: GroupCommit;
  readonly #onAppended: () => void;
  readonly #onInvalid: NonNullable<JournalOptions["onInvalid"]>;
  #hubGeneration: string | null;
  #journalId: JournalId;
  #lastSequence: number;
  /** Highest number given out in the transaction that is being put together. */
  #numbered = 0;
  #bytes: number;
  #thinned = 0;
  /** Acknowledged by the hub, and what of it is on disk. */
  #acknowledged: number;
  #acknowledgedOnDisk: number;
  #acknowledging = 0;
  #cancelAcknowledge: (() => void) | undefined;

  private constructor(options: JournalOptions, start: JournalState, hubGeneration: string | null) {
    this.#hubGeneration = hubGeneration;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#ids = options.ids;
    this.#timers = options.timers;
    this.#limits = { ...JOURNAL_LIMITS, ...options.limits };
    this.#onAppended = options.onAppended ?? (() => {});
    this.#onInvalid = options.onInvalid ?? (() => {});
    this.#commits = new GroupCommit({
      store: options.store,
      timers: options.timers,
      limits: this.#limits,
      begin: () => this.#begin(),
      committed: () => {
        this.#acknowledgedOnDisk = Math.max(this.#acknowledgedOnDisk, this.#acknowledging);
      },
      onDelayed: (error) => options.onDelayed?.(error),
    });
    this.#journalId = start.journalId;
    this.#lastSequence = start.lastSequence;
    this.#acknowledged = start.acknowledged;
    this.#acknowledgedOnDisk = start.acknowledged;
    this.#bytes = start.bytes;
  }

  /** Opens the journal in a migrated store, minting its id where there is none. */
  static async open(options: JournalOptions): Promise<Journal> {
    const state = await loadState(options.store, options.ids.next());
    return new Journal(options, state, await hubGenerationOf(options.store));
  }

  get journalId(): JournalId {
    return this.#journalId;
  }

  /** Of the hub's store that the acknowledgements came from; null before the first. */
  get hubGeneration(): string | null {
    return this.#hubGeneration;
  }

  /** Durable when it resolves. */
  async rememberHub(generation: string): Promise<void> {
    await this.append([], [rememberHubGeneration(generation)]);
    this.#hubGeneration = generation;
  }

  /** Highest number that is on disk. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  get acknowledgedSequence(): number {
    return this.#acknowledged;
  }

  /** Payloads are being dropped; pruning takes acknowledged rows of any age. */
  get isFull(): boolean {
    return this.#bytes > this.#limits.maxBytes;
  }

  counters(): JournalCounters {
    return { thinnedEntries: this.#thinned, bytes: this.#bytes };
  }

  /**
   * Appends entries, and commits the statements in the same transaction. Durable when it resolves; order is that of
   * the calls. Waits while the disk is full. Rejects where a statement breaks a rule; then nothing of it was written.
   * An entry that the contract would refuse is left out: the hub could not read it, ever.
   */
  append(entries: readonly JournalEntry[], statements: readonly Statement[] = []): Promise<void> {
    const createdAt = isoTime(this.#clock.now());
    const rows = entries.flatMap((entry) => {
      const fitting = this.#fitting(entry);
      if (fitting === null) return [];
      const { command, correlationId } = this.#thin(fitting);
      const payload = JSON.stringify({ command, correlationId });
      const turnId = "turnId" in command ? command.turnId : null;
      return [{ threadId: command.threadId, turnId, payload, bytes: byteLength(payload) }];
    });
    let last = 0;
    return this.#commits.add({
      rows: rows.length,
      build: () => {
        const numbered = rows.map((row) => ({
          journal_id: this.#journalId,
          sequence: ++this.#numbered,
          thread_id: row.threadId,
          turn_id: row.turnId,
          payload: row.payload,
          created_at: createdAt,
          acked_at: null,
        }));
        last = this.#numbered;
        return [...insertInto("sqlite", DAEMON_TABLES, "ingest_journal", numbered), ...statements];
      },
      committed: () => {
        this.#lastSequence = last;
        for (const row of rows) this.#bytes += row.bytes;
        if (rows.length > 0) this.#onAppended();
      },
    });
  }

  /** Entries above `after` in order, from the disk; cut before `maxBytes`, but at least one where there is one. */
  async read(
    after: number,
    limits: { readonly maxEntries: number; readonly maxBytes: number },
  ): Promise<IngestEntry[]> {
    const page = { journalId: this.#journalId, after, limit: limits.maxEntries };
    const rows = await this.#store.read(entriesAfter("sqlite", page));
    const entries: IngestEntry[] = [];
    let bytes = 0;
    for (const row of rows) {
      const { payload } = row;
      bytes += byteLength(payload);
      if (entries.length > 0 && bytes > limits.maxBytes) break;
      const { command: kept, correlationId } = JSON.parse(payload) as JournalEntry;
      // Here and not when it is written: rows of an older version may be as large.
      const command = payload.length > ENTRY_MAX_CHARACTERS ? withinFrame(kept) : kept;
      entries.push({ sequence: row.sequence, command, correlationId, createdAt: row.created_at });
    }
    return entries;
  }

  /** The hub has everything up to here; written lazily, because the hub's own cursor is the truth. */
  acknowledge(lastSequence: number): void {
    if (lastSequence <= this.#acknowledged) return;
    this.#acknowledged = Math.min(lastSequence, this.#lastSequence);
    this.#cancelAcknowledge ??= this.#timers.schedule(this.#limits.acknowledgeDelayMs, () => {
      this.#cancelAcknowledge = undefined;
      if (this.#acknowledgedOnDisk < this.#acknowledged) void this.append([]).catch(() => {});
    });
  }

  /** Deletes one batch of rows acknowledged long ago, or of any acknowledged ones while the journal is full. True: there may be more. */
  async prune(): Promise<boolean> {
    const journalId = this.#journalId;
    const cutoff = isoTime(this.#clock.now() - this.#limits.keptMs);
    const rows = await this.#store.read(oldestRows("sqlite", { journalId, limit: this.#limits.pruneBatchRows }));
    let last = 0;
    let bytes = 0;
    for (const row of rows) {
      if (row.acked_at === null || (!this.isFull && row.acked_at >= cutoff)) break;
      last = row.sequence;
      bytes += row.bytes;
    }
    if (last === 0) return false;
    await this.#commits.add({
      rows: 0,
      build: () => deleteUpTo(journalId, last),
      committed: () => {
        this.#bytes -= bytes;
      },
    });
    return rows.length === this.#limits.pruneBatchRows;
  }

  /**
   * Starts a new numbering under a new id with the rows above `after`: for a hub that knows more of this journal than we
   * have (our disk is an older copy), lacks rows that are pruned here, or was itself restored from an older copy; then
   * `hubGeneration` names the store that gets the rows. Call it while nothing is on its way.
   */
  async renew(after: number, hubGeneration?: string): Promise<void> {
    const fresh = JournalId.parse(this.#ids.next());
    await this.#commits.add({
      rows: 0,
      alone: true,
      build: () => [
        ...renumber({ previous: this.#journalId, fresh, after }),
        ...(hubGeneration === undefined ? [] : [rememberHubGeneration(hubGeneration)]),
      ],
      committed: ([kept]) => {
        this.#journalId = fresh;
        if (hubGeneration !== undefined) this.#hubGeneration = hubGeneration;
        this.#lastSequence = kept ?? 0;
        this.#acknowledged = 0;
        this.#acknowledging = 0;
        this.#acknowledgedOnDisk = 0;
      },
    });
    this.#bytes = await payloadBytes(this.#store);
  }

  /** Commits what waits, the last acknowledgement included; later appends are refused. */
  async close(): Promise<void> {
    this.#cancelAcknowledge?.();
    this.#cancelAcknowledge = undefined;
    if (this.#acknowledgedOnDisk < this.#acknowledged) await this.append([]).catch(() => {});
    await this.#commits.close();
  }

  /** Numbers follow what is on disk; the hub's last acknowledgement is written along. */
  #begin(): Statement[] {
    this.#numbered = this.#lastSequence;
    this.#acknowledging = this.#acknowledged;
    if (this.#acknowledging <= this.#acknowledgedOnDisk) return [];
    const at = isoTime(this.#clock.now());
    return [
      acknowledgeUpTo("sqlite", {
        journalId: this.#journalId,
        after: this.#acknowledgedOnDisk,
        last: this.#acknowledging,
        at,
      }),
    ];
  }

  /** The entry as the contract reads it, so that both sides keep the same text; null where it does not fit. */
  #fitting({ command, correlationId }: JournalEntry): JournalEntry | null {
    const parsed = InternalCommand.safeParse(command);
    if (parsed.success) return { command: parsed.data, correlationId };
    this.#onInvalid(
      command,
      parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
    );
    return null;
  }

  #thin(entry: JournalEntry): JournalEntry {
    if (!this.isFull) return entry;
    const level = this.#bytes <= this.#limits.maxBytes * FULL_FACTOR ? "activities" : "diffs";
    const command = withoutBulk(entry.command, level);
    if (command === entry.command) return entry;
    this.#thinned += 1;
    return { ...entry, command };
  }
}
