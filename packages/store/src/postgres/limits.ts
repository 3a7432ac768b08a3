// The numbers of the PostgreSQL adapter, each with its reason.

/** How long a statement waits for a lock: the append lock above all. As long as SQLite's busy timeout. */
export const LOCK_TIMEOUT_MS = 5_000;

/** The server ends a transaction whose client has fallen silent, so that a stuck process cannot keep the append lock. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;

/**
 * A connection whose answers stay away for so long is given up. Longer than the lock timeout and than any read of the
 * hub; a network that swallows packets would otherwise hold a caller until the kernel gives up.
 */
export const ANSWER_TIMEOUT_MS = 30_000;

/** The server's own limit for a read. Not for writes: it would also end COMMIT's wait for a synchronous standby, and report success. */
export const READ_TIMEOUT_MS = ANSWER_TIMEOUT_MS;

/** How long a call waits for a free or a new connection. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** When a silent connection is first probed. */
export const KEEP_ALIVE_DELAY_MS = 10_000;

/** An unused connection is closed after this. */
export const IDLE_CONNECTION_MS = 30_000;

/**
 * Commits are serial under the append lock. More than one connection lets the next commit already stand at the lock
 * while the last one's answer travels. On one machine one and eight are equally fast; what it saves is a network's delay.
 */
export const WRITE_CONNECTIONS_MAX = 4;

export const READ_CONNECTIONS_MAX = 8;

/** Of the thread that makes answers, which writes one down while the rows of the next are on their way. */
export const PREPARING_CONNECTIONS_MAX = 2;

/** Distinct texts kept prepared per connection; one that has them all is replaced by a fresh one. A hub has about 150. */
export const PREPARED_STATEMENTS_MAX = 512;

/** How long a listener that lost its connection waits before it tries again. */
export const LISTEN_AGAIN_MS = 1_000;

/**
 * How often a listener asks its server for a sign of life, and how long it waits for one. Nothing else is ever sent on its
 * connection, and a network that swallows packets would leave it deaf until the kernel gives up, after a quarter of an hour.
 */
export const LISTEN_PROBE_MS = 5_000;

/** How long the end of a listener's connection may take before it is cut. */
export const LISTEN_CLOSE_MS = 1_000;

/** How long a migration waits for another process's migration, which may rebuild tables. */
export const MIGRATION_WAIT_MS = 120_000;

/** `server_version_num` of the oldest server that is served: 14.0. */
export const SERVER_VERSION_MIN = 140_000;
