// Putting a batch's allocated numbers into its statements: the one place that knows how an AllocatedNumber looks.
import { type AllocatedNumber, type Parameter, type SqlValue, StoreError } from "./port.ts";

/** The `index`-th number of the batch's allocation, counted from 0. */
export const allocated = (index: number): AllocatedNumber => ({ allocated: index });

export const isAllocatedNumber = (value: unknown): value is AllocatedNumber =>
  typeof value === "object" && value !== null && "allocated" in value && typeof value.allocated === "number";

/**
 * The parameters with every AllocatedNumber replaced. Throws `invalid_statement` for one outside the allocation.
 * @param first first number of the allocation; 0 and `count` 0 where the batch has none
 */
export const substitute = (parameters: readonly Parameter[], first: number, count: number): readonly SqlValue[] => {
  let replaced: SqlValue[] | undefined;
  for (let index = 0; index < parameters.length; index += 1) {
    const parameter = parameters[index];
    if (!isAllocatedNumber(parameter)) continue;
    const offset = parameter.allocated;
    if (!Number.isInteger(offset) || offset < 0 || offset >= count) {
      throw new StoreError(
        "invalid_statement",
        `parameter ${index + 1} asks for allocated number ${offset}, the batch allocates ${count}`,
      );
    }
    replaced ??= [...(parameters as readonly SqlValue[])];
    replaced[index] = first + offset;
  }
  return replaced ?? (parameters as readonly SqlValue[]);
};
