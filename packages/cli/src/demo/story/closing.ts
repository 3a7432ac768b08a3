// The closing: what was watched is what the log has, and everything ends.
import { counted } from "../../output/text.ts";
import { lasting } from "../../output/time.ts";
import { type Step, step } from "../step.ts";
import { until, verify } from "../wait.ts";
import { lookAround, untilGone } from "../world.ts";

const CATCH_UP_LIMIT_MS = 8_000;
/** Two side by side, two that ask, three in trouble, one after it. */
const TURNS = 8;

export const log = step("log", "Compare what was watched with the log", async (world) => {
  const { client, watch, signal } = world;
  const { headSequence } = await client.api.health();
  await until(() => (watch.events.at(-1)?.sequence ?? 0) >= headSequence, {
    what: "the feed to catch up",
    timeoutMs: CATCH_UP_LIMIT_MS,
    signal,
  });
  const logged: string[] = [];
  for (let after = 0, hasMore = true; hasMore; ) {
    const page = await client.api.orchestration.eventsPage({ after, limit: 500 });
    logged.push(...page.events.map(({ eventId }) => eventId));
    ({ nextAfter: after, hasMore } = page);
  }
  const watched = watch.events.map(({ eventId }) => eventId);
  verify(watched.join() === logged.join(), "the feed had every event once, in order", {
    watched: watched.length,
    logged: logged.length,
  });
  const settled = watch.events.filter(({ eventType }) => eventType === "thread.turn-settled");
  const turns = settled.map(({ payload }) => String(payload["turnId"]));
  verify(new Set(turns).size === turns.length && turns.length === TURNS, "each turn ended exactly once", turns);
  return `${counted(logged.length, "event")}, each watched once and in order; ${turns.length} turns, each ended once`;
});

/** Last of all, unless the demo is kept running. */
export const end: Step = step("end", "End it all with SIGTERM", async (world) => {
  await lookAround(world);
  await world.watch.stop();
  const began = performance.now();
  const code = await world.up.end();
  verify(code === 0, "muster up ends with code 0", code);
  const took = performance.now() - began;
  await untilGone(world.seen, world.signal);
  return `ended after ${lasting(took)}, none of ${counted(world.seen.size, "process", "processes")} is left`;
});
