// Paths of folders on any system.
import { expect, test } from "vitest";
import { folderName, isAbsolutePath } from "./folder.ts";

test("a folder is called by the last part of its path", () => {
  expect(["/home/ada/src/shop/", "C:\\work\\shop", "/"].map(folderName)).toEqual(["shop", "shop", "/"]);
});

test("a full path starts at the root", () => {
  expect(["/srv", "C:/work", "src", "~/src"].map(isAbsolutePath)).toEqual([true, true, false, false]);
});
