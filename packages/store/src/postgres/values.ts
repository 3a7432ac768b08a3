// Values as they come from PostgreSQL, in the shape that the SQLite adapter gives them, so that one guard and one row
// reader serve both: integers as numbers while exact and as bigint beyond, booleans as 0 and 1, times as ISO text.
import type { SqlValue } from "../port.ts";

/** Types by their object id in `pg_type`, which never changes for built-in ones. */
const TYPE = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  float4: 700,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
} as const;

type Parse = (text: string) => SqlValue;

const integer: Parse = (text) => {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
};

/** Sums of integers are numeric. */
const numeric: Parse = (text) => (/^-?\d+$/.test(text) ? integer(text) : Number(text));

const boolean: Parse = (text) => (text === "t" ? 1 : 0);

/** `\x00ff`, as `bytea_output = hex` writes it. A copy: Buffers share one pool, and rows outlive it. */
const bytes: Parse = (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"));

/** `2026-01-01 00:00:00.123456+00`, as DateStyle ISO in UTC writes it. */
const time: Parse = (text) => new Date(`${text.replace(" ", "T").replace(/[+-]00$/, "")}Z`).toISOString();

const text: Parse = (given) => given;

const PARSERS: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [TYPE.bool, boolean],
  [TYPE.bytea, bytes],
  [TYPE.int8, integer],
  [TYPE.int2, Number],
  [TYPE.int4, Number],
  [TYPE.oid, Number],
  [TYPE.float4, Number],
  [TYPE.float8, Number],
  [TYPE.timestamp, time],
  [TYPE.timestamptz, time],
  [TYPE.numeric, numeric],
]);

/** What reads a column of the type; texts, and every type not named here, come as their text. */
export const parserOf = (typeId: number): Parse => PARSERS.get(typeId) ?? text;
