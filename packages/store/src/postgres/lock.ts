// Keys of the advisory locks. The locks are the database's, so the key is made of the schema: stores beside each other in
// one database do not wait for each other.
import { createHash } from "node:crypto";

/** @param schema not quoted */
export const lockKey = (purpose: "append" | "migrate", schema: string): bigint =>
  createHash("sha256").update(`muster ${purpose} ${schema}`).digest().readBigInt64BE();
