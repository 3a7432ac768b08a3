// The cluster's adapter: PostgreSQL through `pg`. A door of its own, so that an embedded hub does not load the driver.

export { describeServer, type ServerRefusal, serverRefusalOf } from "./server.ts";
export { openPostgresStore, type PostgresOptions } from "./store.ts";
