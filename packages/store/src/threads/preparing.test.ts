// When a thread loads the module that answers there: the caller's thread stands in for the store's.
import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Prepare } from "../port.ts";
import { preparing } from "./preparing.ts";

const reads = {} as Parameters<Prepare>[0];
/** A module of its own for each test, which says that it is loaded. */
const moduleOf = (name: string): string =>
  `data:text/javascript,${encodeURIComponent(`globalThis.${name} = true; export const prepare = async () => null;`)}`;
const isLoaded = (name: string): boolean => name in globalThis;

test("what answers is not loaded while the thread starts, but when the first one asks", async () => {
  const { port1, port2 } = new MessageChannel();
  const prepare = preparing(port1, moduleOf("asked"), reads, () => {});
  // In the same queue as a load that has begun.
  await import(moduleOf("behindAsked"));
  expect(isLoaded("asked")).toBe(false);
  void prepare(7, {});
  expect(await once(port2, "message")).toEqual([{ id: 7, result: null }]);
  expect(isLoaded("asked")).toBe(true);
  port1.close();
});

test("what answers is loaded after the start though nobody asks, so that the first one need not wait for it", async () => {
  const { port1 } = new MessageChannel();
  let load = (): Promise<unknown> => Promise.reject(new Error("nothing is to be loaded"));
  preparing(port1, moduleOf("unasked"), reads, (begin) => {
    load = begin;
  });
  await load();
  expect(isLoaded("unasked")).toBe(true);
  port1.close();
});
