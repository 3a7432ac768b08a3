// How long it takes from the line of an invite to a machine on the roster.
import { best } from "@muster/core/testing";
import { afterEach, expect, test } from "vitest";
import { inviteLink, onRoster } from "./machines.ts";
import { Place, until } from "./muster.ts";

/** What the product promises. */
const JOIN_MAX_MS = 5_000;

const places: Place[] = [];
const newPlace = (): Place => {
  const place = new Place();
  places.push(place);
  return place;
};
afterEach(async () => {
  for (const place of places.splice(0)) await place.clear();
});

test("EXP-3 an invite brings a machine onto the roster within 5 s, from the command on", async () => {
  const hub = newPlace();
  const up = await hub.up();
  const onRosterAfterMs = async (): Promise<number> => {
    const link = await inviteLink(hub);
    const began = performance.now();
    const running = newPlace().spawn(["join", link, "--quiet"]);
    const nodeId = await until("the machine's id", () => /^\S+\n/.exec(running.stdout())?.[0].trim());
    await onRoster(up, nodeId);
    const tookMs = performance.now() - began;
    running.child.kill("SIGTERM");
    expect((await running.finished).exitCode).toBe(0);
    return tookMs;
  };
  expect(await best(JOIN_MAX_MS, onRosterAfterMs)).toBeLessThan(JOIN_MAX_MS);
});
