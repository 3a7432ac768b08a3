// Folders against allowed roots, by their names alone.
import { describe, expect, it } from "vitest";
import { isInsideRoots } from "./workspace.ts";

describe("a folder", () => {
  it.each([
    ["/work", ["/work"]],
    ["/work/", ["/work"]],
    ["/work/a/b", ["/home", "/work/"]],
    ["/anything", ["/"]],
    ["C:\\work\\a", ["C:\\work"]],
    ["C:/work/a", ["C:\\work"]],
  ])("%s lies inside %j", (path, roots) => {
    expect(isInsideRoots(path, roots)).toBe(true);
  });

  it.each([
    ["/workshop", ["/work"]],
    ["/work/../etc", ["/work"]],
    ["/work/./a", ["/work"]],
    ["work/a", ["/work"]],
    ["", ["/work"]],
    ["/home", []],
    ["D:\\work", ["C:\\work"]],
    ["/work/a", ["work"]],
  ])("%s does not lie inside %j", (path, roots) => {
    expect(isInsideRoots(path, roots)).toBe(false);
  });
});
