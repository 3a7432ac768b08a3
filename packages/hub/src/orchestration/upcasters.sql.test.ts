// Events of an older version, which a registry made for this test brings to today's shape, at every reader of the log.
import type { SpaceId, ThreadId, WireEvent } from "@muster/contracts";
import type { Upcaster } from "@muster/core";
import { createProject, createThread, startTurn } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Orchestration } from "../ports.ts";
import { eventReader } from "./event-reader.ts";
import { loadThread } from "./stream-states.ts";
import { OWNER, openWorld, type World } from "./test-world.ts";

const UPCASTERS: readonly Upcaster[] = [
  {
    eventType: "thread.renamed",
    from: "0.8",
    to: "0.9",
    upcast: ({ name }) => ({ payload: { heading: name } }),
  },
  {
    eventType: "thread.renamed",
    from: "0.9",
    to: "1.0",
    upcast: ({ heading }) => ({ eventType: "thread.meta-updated", payload: { title: heading } }),
  },
  {
    eventType: "thread.checkpoint-revert-requested",
    from: "0.9",
    to: "1.0",
    upcast: ({ count, ...rest }) => ({ payload: { ...rest, turnCount: count } }),
  },
];
interface Old {
  readonly eventType: string;
  readonly schemaVersion: string;
  readonly payload: string;
}
const OLD: readonly Old[] = [
  { eventType: "thread.renamed", schemaVersion: "0.8", payload: '{"name":  "from long ago"}' },
  {
    eventType: "thread.checkpoint-revert-requested",
    schemaVersion: "0.9",
    payload: '{"count":3,"checkpointRef":"refs/muster/checkpoints/thread/turn/3","mode":"files"}',
  },
];
const TODAY = [
  { eventType: "thread.meta-updated", schemaVersion: "1.0", payload: { title: "from long ago" } },
  {
    eventType: "thread.checkpoint-revert-requested",
    schemaVersion: "1.0",
    payload: { turnCount: 3, checkpointRef: "refs/muster/checkpoints/thread/turn/3", mode: "files" },
  },
];

let world: World;
let upcasting: Orchestration;
beforeEach(async () => {
  world = await openWorld({ isFile: true });
  await world.dispatch(createProject());
  await world.dispatch(createThread());
  for (const [index, old] of OLD.entries()) await append(index, old);
  upcasting = (await world.another({ upcasters: UPCASTERS })).orchestration;
});
afterEach(() => world.close());

/** As an older program appended it, with the projectors left where they were. */
async function append(index: number, { eventType, schemaVersion, payload }: Old): Promise<void> {
  await world.run(
    `INSERT INTO orchestration_events SELECT (SELECT max(sequence) + 1 FROM orchestration_events), 'old-${index}', space_id,
     aggregate_kind, stream_id, ${2 + index}, '${eventType}', '${schemaVersion}', occurred_at, NULL, NULL, NULL, actor_kind,
     actor_id, '${payload}', '{}' FROM orchestration_events WHERE stream_id = 'thread' AND stream_version = 1`,
  );
}

const shapeOf = ({ eventType, schemaVersion, payload }: WireEvent) => ({ eventType, schemaVersion, payload });

describe("events of an older version", () => {
  it("are brought up by their upcasters when projections follow the log, and stay byte for byte in it (ORC-6)", async () => {
    expect(await world.rows("SELECT title FROM projection_threads")).toEqual([{ title: "from long ago" }]);
    const rows = await world.rows(
      "SELECT event_type, schema_version, payload_json FROM orchestration_events WHERE event_id LIKE 'old%' ORDER BY sequence",
    );
    expect(rows).toEqual(
      OLD.map(({ eventType, schemaVersion, payload }) => ({
        event_type: eventType,
        schema_version: schemaVersion,
        payload_json: payload,
      })),
    );
    expect(world.bugs).toEqual([]);
  });

  it("reach readers of pages in today's shape (ORC-6)", async () => {
    const { events } = await upcasting.getEventsPage(OWNER, { after: 2, limit: 10 });
    expect(events.map(shapeOf)).toEqual(TODAY);
  });

  it.each([undefined, "thread" as ThreadId])(
    "reach feeds in today's shape, from the log and live (ORC-6)",
    async (threadId) => {
      const abort = new AbortController();
      const where = threadId === undefined ? {} : { threadId };
      const feed = upcasting.feed(OWNER, { after: "2", signal: abort.signal, ...where });
      const next = async () => {
        const { value } = await feed.next();
        return value?.message.type === "event" ? shapeOf(value.message.event) : value?.message.type;
      };
      expect([await next(), await next(), await next()]).toEqual([...TODAY, "synchronized"]);
      await append(2, { ...(OLD[0] as Old), payload: '{"name":"while it serves"}' });
      // Its commit wakes the feeds.
      await upcasting.dispatch(OWNER, createThread({ threadId: "second" }));
      expect(await next()).toEqual({ ...TODAY[0], payload: { title: "while it serves" } });
      abort.abort();
      await feed.return(undefined);
    },
  );

  it("count in the state that decisions are made on (ORC-6)", async () => {
    const { state } = await loadThread(world.store, "space" as SpaceId, "thread" as ThreadId, eventReader(UPCASTERS));
    expect(state?.reverting).toEqual({ turnCount: 3, mode: "files" });
    await expect(upcasting.dispatch(OWNER, startTurn("turn"))).rejects.toMatchObject({
      message: "A revert is under way on this thread.",
    });
  });

  it("are unknown to a program without those upcasters, which goes on (ORC-6)", async () => {
    await world.restart();
    const { events } = await world.orchestration.getEventsPage(OWNER, { after: 2, limit: 10 });
    expect(events.map(({ payload }) => payload)).toEqual(OLD.map(({ payload }) => JSON.parse(payload)));
    await world.dispatch(startTurn("turn"));
  });
});
