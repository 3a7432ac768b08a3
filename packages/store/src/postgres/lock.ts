// Keys of the advisory locks and the channel of hints. Both are the database's, so they are made of the schema: stores
// beside each other in one database neither wait for each other nor wake each other.
import { createHash } from "node:crypto";

const digest = (purpose: string, schema: string): Buffer =>
  createHash("sha256").update(`muster ${purpose} ${schema}`).digest();

/** @param schema not quoted */
export const lockKey = (purpose: "append" | "migrate", schema: string): bigint =>
  digest(purpose, schema).readBigInt64BE();

/** A name that needs no quotes. */
export const channelName = (schema: string): string => `muster_${digest("channel", schema).toString("hex", 0, 16)}`;
