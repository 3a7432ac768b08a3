import { describe, expect, it } from "vitest";
import { KeyedMutex } from "./mutex.ts";

describe("KeyedMutex", () => {
  it("ORC-34 runs one at a time per key, in order, and other keys beside it", async () => {
    const mutex = new KeyedMutex();
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const work = (name: string, until?: Promise<void>) => async () => {
      log.push(`${name} starts`);
      await until;
      log.push(`${name} ends`);
    };
    const first = mutex.run("a", work("first", gate.promise));
    const second = mutex.run("a", work("second"));
    await mutex.run("b", work("beside"));
    expect(log).toEqual(["first starts", "beside starts", "beside ends"]);
    gate.resolve();
    await Promise.all([first, second]);
    expect(log.slice(3)).toEqual(["first ends", "second starts", "second ends"]);
  });

  it("ORC-34 goes on after a holder that failed", async () => {
    const mutex = new KeyedMutex();
    const failing = mutex.run("a", () => Promise.reject(new Error("broken")));
    const next = mutex.run("a", () => Promise.resolve("fine"));
    await expect(failing).rejects.toThrow("broken");
    expect(await next).toBe("fine");
  });
});
