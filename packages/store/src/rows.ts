// Exact comparison of rows, for guards: the same columns with the same values, in the same order of rows.
import type { Row, SqlValue } from "./port.ts";

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index]);

/** Equal values; an integer equals itself as number and as bigint, bytes are compared one by one. */
export const sameValue = (left: SqlValue | undefined, right: SqlValue | undefined): boolean => {
  if (left === right) return true;
  if (left instanceof Uint8Array && right instanceof Uint8Array) return sameBytes(left, right);
  if (typeof left === "bigint" && typeof right === "number") return Number.isInteger(right) && left === BigInt(right);
  if (typeof left === "number" && typeof right === "bigint") return sameValue(right, left);
  return false;
};

const sameRow = (left: Row, right: Row): boolean => {
  const columns = Object.keys(left);
  return (
    columns.length === Object.keys(right).length &&
    columns.every((column) => Object.hasOwn(right, column) && sameValue(left[column], right[column]))
  );
};

export const sameRows = (left: readonly Row[], right: readonly Row[]): boolean =>
  left.length === right.length && left.every((row, index) => sameRow(row, right[index] ?? {}));
