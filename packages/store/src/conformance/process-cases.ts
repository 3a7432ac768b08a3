// What must hold between processes: an answered commit outlives a killed process, numbers stay consecutive, snapshots
// stay whole, and two that migrate at once leave one result.
import { describe, expect, test } from "vitest";
import type { Store } from "../port.ts";
import { start } from "./children.ts";
import { compile } from "./queries.ts";
import {
  type ConformanceOptions,
  type Fixture,
  fixtureOf,
  type OpenedStore,
  type Opener,
  type OpenStore,
  STAMP,
} from "./subject.ts";

const ENDLESS = Number.MAX_SAFE_INTEGER;

const openerOf = (opened: OpenedStore): Opener => {
  if (opened.opener === undefined) throw new Error("the adapter gives no opener, nor a reason why");
  return opened.opener;
};

const reopen = async (opener: Opener): Promise<Store> => {
  const module = (await import(opener.module)) as { openStoreAt(argument: string): Promise<Store> };
  return module.openStoreAt(opener.argument);
};

const withFixture = async (
  openStore: OpenStore,
  work: (fixture: Fixture, opener: Opener) => Promise<void>,
): Promise<void> => {
  const opened = await openStore();
  try {
    await work(await fixtureOf(opened), openerOf(opened));
  } finally {
    await opened.dispose();
  }
};

export const processCases = (openStore: OpenStore, { alone }: ConformanceOptions): void => {
  describe.skipIf(alone !== undefined)(`between processes${alone === undefined ? "" : ` (skipped: ${alone})`}`, () => {
    test("every answered commit is there after the process that made it was killed", async () => {
      await withFixture(openStore, async (fixture, opener) => {
        await fixture.store.close();
        const writer = start(opener, "write", "entry", ENDLESS);
        await writer.said(300);
        writer.process.kill("SIGKILL");
        expect(await writer.ended).toBe("SIGKILL");
        const store = await reopen(opener);
        const sequences = await (await fixtureOf({ store, dispose: async () => undefined })).sequences();
        expect(sequences.slice(0, writer.facts.length)).toEqual(writer.facts);
        expect(sequences.length - writer.facts.length).toBeLessThanOrEqual(1);
        await store.close();
      });
    });

    test("numbers are consecutive though two allocate at once", async () => {
      await withFixture(openStore, async (fixture, opener) => {
        const writers = ["left", "right"].map((label) => start(opener, "write", label, 100));
        expect(await Promise.all(writers.map((writer) => writer.ended))).toEqual([0, 0]);
        const given = writers.flatMap((writer) => writer.facts as number[]).sort((left, right) => left - right);
        expect(given).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
        expect(await fixture.sequences()).toEqual(given);
      });
    });

    test("a read transaction sees one snapshot while another process commits", async () => {
      await withFixture(openStore, async (fixture, opener) => {
        const { store, queries } = fixture;
        const total = compile(queries.selectFrom("counters").select("total as seen"));
        const count = compile(queries.selectFrom("entries").select((row) => row.fn.countAll().as("seen")));
        const writer = start(opener, "write", "entry", ENDLESS);
        try {
          for (let seen = 0; seen < 200; seen = await assertWhole(store.readTransaction([total, count, total]))) {
            await writer.said(seen + 1);
          }
        } finally {
          writer.process.kill("SIGKILL");
          await writer.ended;
        }
      });
    });

    test("two that migrate at once leave one result", async () => {
      const opened = await openStore();
      try {
        const opener = openerOf(opened);
        const children = ["left", "right"].map((label) => start(opener, "migrate", label));
        await Promise.all(children.map((child) => child.said(1)));
        for (const child of children) child.process.stdin?.write("go\n");
        expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0]);
        const reports = children.map((child) => child.facts[1] as { applied: number[]; generation: string });
        expect(reports.flatMap((report) => report.applied)).toEqual([1]);
        expect(reports[0]?.generation).toBe(reports[1]?.generation);
        expect(
          await opened.store
            .migrate({ name: "conformance", migrations: [] }, STAMP)
            .catch((error: Error) => error.message),
        ).toContain("newer than this program");
      } finally {
        await opened.dispose();
      }
    });
  });
};

const assertWhole = async (
  snapshot: Promise<readonly (readonly Readonly<Record<string, unknown>>[])[]>,
): Promise<number> => {
  const [before, counted, after] = (await snapshot).map((rows) => Number(rows[0]?.["seen"]));
  expect(counted).toBe(before);
  expect(after).toBe(before);
  return before ?? 0;
};
