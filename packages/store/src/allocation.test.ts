import { describe, expect, test } from "vitest";
import { allocated, substitute } from "./allocation.ts";

const invalid = expect.objectContaining({ name: "StoreError", code: "invalid_statement" });

describe("substituting allocated numbers", () => {
  test("leaves the given parameters alone", () => {
    const parameters = ["a", allocated(1), null, new Uint8Array([1])];
    expect(substitute(parameters, 10, 2)).toEqual(["a", 11, null, new Uint8Array([1])]);
    expect(parameters[1]).toEqual({ allocated: 1 });
  });

  test.each([-1, 2, 0.5, Number.NaN])("refuses number %d of two", (index) => {
    expect(() => substitute([allocated(index)], 10, 2)).toThrow(invalid);
  });
});
