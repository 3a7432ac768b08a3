// Keys of the advisory locks and the channels of hints. Both are the database's, so they are made of the schema: stores
// beside each other in one database neither wait for each other nor wake each other.
import { createHash } from "node:crypto";

const digest = (purpose: string, schema: string): Buffer =>
  createHash("sha256").update(`muster ${purpose} ${schema}`).digest();

/** @param schema not quoted */
export const lockKey = (purpose: "append" | "migrate", schema: string): bigint =>
  digest(purpose, schema).readBigInt64BE();

/** Where commits are heard of; names that need no quotes. */
export interface Channels {
  /** Of commits that allocated numbers. */
  readonly numbers: string;
  /** Of what commits announce. An empty payload says that some of it could not be told. */
  readonly announcements: string;
}

export const channelsOf = (schema: string): Channels => {
  const name = (purpose: string): string => `muster_${digest(purpose, schema).toString("hex", 0, 16)}`;
  return { numbers: name("channel"), announcements: name("announcements") };
};
