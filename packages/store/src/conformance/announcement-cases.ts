// What a commit announces is heard by whoever listens, once and only where the commit is; without `listen` it is nobody's.
import { describe, expect, test } from "vitest";
import { ANNOUNCEMENT_MAX_BYTES, ANNOUNCEMENTS_MAX, type Batch } from "../port.ts";
import { committed } from "./commit-cases.ts";
import type { Fixture } from "./subject.ts";

const LAST = "the last one";

/** Commits one batch after the other, and gathers what is heard of them, up to a last one that is always told. */
const heardOf = async ({ store }: Fixture, ...batches: readonly Batch[]): Promise<readonly (string | null)[]> => {
  const heard: (string | null)[] = [];
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stop = await store.listen?.({
    onAnnouncement: (announcement) => {
      if (announcement === LAST) finish();
      else heard.push(announcement);
    },
  });
  for (const batch of batches) await store.commit(batch).catch(() => undefined);
  await store.commit({ guards: [], statements: [], announcements: [LAST] });
  if (stop === undefined) return [];
  await finished;
  await stop();
  return heard;
};

export const announcementCases = (current: () => Fixture): void => {
  /** Nothing where the store tells nobody. */
  const told = (...texts: readonly (string | null)[]) => (current().store.listen === undefined ? [] : texts);
  const announcing = (...announcements: readonly string[]): Batch => ({ guards: [], statements: [], announcements });

  describe("an announcement", () => {
    test("leaves the commit as it is without", async () => {
      const { store, insert, names } = current();
      const result = committed(
        await store.commit({ ...announcing("new"), statements: insert({ sequence: 1, name: "a" }) }),
      );
      expect(result).toMatchObject({ changes: [1], rows: [[]] });
      expect(await names()).toEqual(["a"]);
    });

    test("is heard once, in the order of the commits, whatever text it is", async () => {
      const texts = ["first", 'é " \\ {"a":1}', "x".repeat(ANNOUNCEMENT_MAX_BYTES)];
      expect(await heardOf(current(), announcing("first", texts[1] ?? ""), announcing(texts[2] ?? ""))).toEqual(
        told(...texts),
      );
    });

    test("of a commit that was refused, or failed, is heard by nobody", async () => {
      const guards = [{ query: { sql: "SELECT 1 AS one", parameters: [] }, expected: [] }];
      const nobody = { sql: "DELETE FROM entries", parameters: [], expectChanges: 1 };
      const wrong = { sql: "no statement", parameters: [] };
      expect(
        await heardOf(
          current(),
          { ...announcing("guarded"), guards },
          { ...announcing("counted"), statements: [nobody] },
          { ...announcing("wrong"), statements: [wrong] },
          announcing("right"),
        ),
      ).toEqual(told("right"));
    });

    test("that is too long, or one of too many, is heard as a call to read everything", async () => {
      const long = "x".repeat(ANNOUNCEMENT_MAX_BYTES + 1);
      const many = Array.from({ length: ANNOUNCEMENTS_MAX + 1 }, (_, index) => `${index}`);
      expect(await heardOf(current(), announcing("short", long), announcing(...many))).toEqual(
        told("short", null, null),
      );
    });
  });
};
