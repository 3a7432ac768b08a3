// The numbers of the SQLite adapter, each with its reason.

/** Distinct statement texts kept prepared per connection; the least recently used one goes. A hub has about 150 texts, chunk sizes included. */
export const PREPARED_STATEMENTS_MAX = 512;

/** How long a statement waits for another process's lock. As long as the lock timeout on PostgreSQL: 5 s. */
export const BUSY_TIMEOUT_MS = 5_000;

/** How often opening asks for the write-ahead log while other processes open the same new file. */
export const JOURNAL_MODE_ATTEMPTS_MAX = 20;

/**
 * Pages (of 4 KiB) of the write-ahead log after which a commit copies them into the database: two syncs and the copying
 * inside one commit, with the event loop standing still. Measured with 32 appenders, each an event, a receipt and a
 * projection row under the hub's indexes (four rounds, side by side): 1,000 pages, SQLite's default, 8,000 requests/s,
 * p95 12.6 ms, p99 15 ms, longest 21 ms; 4,000 pages 10,400 requests/s, p95 5.7, p99 17, longest 24; 8,000 pages the
 * same rate, p95 5.4, p99 19, longest 32. More pages let rewritten ones be copied once; beyond 4,000 only the longest
 * pause grows, and what recovery must read after a crash (16 MiB).
 */
export const WAL_CHECKPOINT_PAGES = 4_000;

/** The log file is cut back to this after a checkpoint that emptied it, so that one burst does not hold disk for ever. */
export const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/** Page cache per connection, in KiB. Holds the inner pages of every index of a database of some gigabytes. */
export const PAGE_CACHE_KIB = 32 * 1024;

/** Page cache of a scratch, in KiB: beyond it pages go to its file, which nobody waits for. */
export const SCRATCH_CACHE_KIB = 64 * 1024;

/** Page of a scratch: it is written and read in long rows, so that fewer and larger ones cost less (by a tenth, measured). */
export const SCRATCH_PAGE_BYTES = 16 * 1024;

/** Only the owner reads the database: it holds messages and token hashes. */
export const FILE_MODE = 0o600;

/** Threads that read. With two, a long read (a snapshot, a page of events) holds up no other; each costs memory. */
export const READER_THREADS = 2;

/** Threads that must never wait for a processor behind those that prepare answers. */
export const CALLER_AND_WRITER = 2;
