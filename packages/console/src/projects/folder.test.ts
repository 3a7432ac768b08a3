// Paths of folders on any system.
import { expect, test } from "vitest";
import { folderName, isAbsolutePath, pathWithin } from "./folder.ts";

test("a folder is called by the last part of its path", () => {
  expect(["/home/ada/src/shop/", "C:\\work\\shop", "/"].map(folderName)).toEqual(["shop", "shop", "/"]);
});

test("a full path starts at the root", () => {
  expect(["/srv", "C:/work", "src", "~/src"].map(isAbsolutePath)).toEqual([true, true, false, false]);
});

test("a path is told from the folder it lies in, and only from that", () => {
  expect(pathWithin("/home/ada/shop/", "/home/ada/shop/src/a.ts")).toBe("src/a.ts");
  expect(pathWithin("/home/ada/shop", "/home/ada/shopping/a.ts")).toBe("/home/ada/shopping/a.ts");
  expect(pathWithin("C:\\shop", "C:\\shop\\a.ts")).toBe("a.ts");
});
