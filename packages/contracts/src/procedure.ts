// What every procedure of the HTTP contract begins with: who may call it, and the one error table.
import { oc } from "@orpc/contract";
import { z } from "zod";
import { type Access, PROCEDURE_ACCESS, type ProcedureName } from "./access.ts";
import { ERROR_CODES, ERRORS, type ErrorCode } from "./errors.ts";

export interface ProcedureMeta {
  readonly access: Access;
}

const errorDetails = z.record(z.string(), z.unknown()).optional();

type ErrorMap = { [Code in ErrorCode]: { status: number; message: string; data: typeof errorDetails } };
const errorMap = Object.fromEntries(
  ERROR_CODES.map((code) => [code, { status: ERRORS[code].status, message: ERRORS[code].message, data: errorDetails }]),
) as ErrorMap;

const base = oc.$meta<ProcedureMeta>({ access: PROCEDURE_ACCESS["projections.rebuild"] }).errors(errorMap);

/** The name is the procedure's place in the contract, and its row in PROCEDURE_ACCESS. */
export const procedure = (name: ProcedureName) => base.meta({ access: PROCEDURE_ACCESS[name] });

export const queryFlag = z.preprocess(
  (value) => (value === "true" ? true : value === "false" ? false : value),
  z.boolean(),
);
export const queryInteger = (schema: z.ZodNumber) =>
  z.preprocess(
    (value) => (typeof value === "string" && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value),
    schema,
  );
