// Links that let one in.
import { expect, test } from "vitest";
import { isLoopback, joinCommand } from "./link.ts";

test("a link to loopback works on its own machine alone, and says so", () => {
  const links = [
    "http://127.0.0.1:7600/join#token=a",
    "http://localhost:7600/join#token=a",
    "http://[::1]/join#token=a",
  ];
  expect(links.map(isLoopback)).toEqual([true, true, true]);
  expect(isLoopback("https://muster.example.org/join#token=a")).toBe(false);
});

test("the line for the other machine holds the whole link", () => {
  expect(joinCommand("https://hub/join#token=a-b_c")).toBe('muster join "https://hub/join#token=a-b_c"');
});
