// The suite that every adapter of the store port must pass whole. A case that an adapter cannot run carries the
// adapter's written reason; there is no other way to leave one out.
import { afterEach, beforeEach, describe } from "vitest";
import { announcementCases } from "./announcement-cases.ts";
import { commitCases } from "./commit-cases.ts";
import { constraintCases } from "./constraint-cases.ts";
import { migrationCases } from "./migration-cases.ts";
import { processCases } from "./process-cases.ts";
import { readCases } from "./read-cases.ts";
import { type ConformanceOptions, type Fixture, fixtureOf, type OpenedStore, type OpenStore } from "./subject.ts";

export type { ConformanceOptions, OpenedStore, Opener, OpenStore } from "./subject.ts";

/** Declares the suite for one adapter; call it at the top level of a test file. */
export const storeConformance = (name: string, openStore: OpenStore, options: ConformanceOptions = {}): void => {
  describe(`${name} keeps the store's promises`, () => {
    describe("in one process", () => {
      let opened: OpenedStore | undefined;
      let fixture: Fixture | undefined;
      beforeEach(async () => {
        opened = await openStore();
        fixture = await fixtureOf(opened);
      });
      afterEach(async () => {
        await opened?.dispose();
      });
      const current = (): Fixture => {
        if (fixture === undefined) throw new Error("no case is running");
        return fixture;
      };
      commitCases(current);
      announcementCases(current);
      readCases(current);
      constraintCases(current);
      migrationCases(current);
    });
    processCases(openStore, options);
  });
};
