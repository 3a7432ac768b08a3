// News of nodes as a hub hears them from others: nothing that it was asked to do before makes it deaf.
import type { NodeId, NodeSummary, SpaceId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Opened, openTestIdentity, random } from "../identity/testing/opened.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { createNodes } from "./index.ts";
import { announcementBy, NodeNews } from "./news.ts";

const NODES = ["one", "two"] as NodeId[];
const announcement = announcementBy("another-hub");

let opened: Opened;
let spaceId: SpaceId;
let changed: NodeId[];
let told: NodeSummary[];
let news: NodeNews;
beforeEach(async () => {
  opened = await openTestIdentity();
  const { store, clock, identity } = opened;
  ({ spaceId } = identity);
  const onBug = (error: unknown): void => {
    throw error;
  };
  const nodes = createNodes({
    ...{ store, clock, ids: createIds(clock, random), hubId: "another-hub", hubPrincipalId: identity.cliPrincipalId },
    ...{ onPresence: () => {}, onBug, sweepIntervalMs: null },
  });
  for (const [index, nodeId] of NODES.entries()) {
    const publicKey = Buffer.alloc(32, index).toString("base64");
    await nodes.enrol({ spaceId, nodeId, ownerId: identity.ownerId, publicKey });
    const process = { incarnation: "process-1", connectionId: `c-${nodeId}` };
    await nodes.connected({ spaceId, nodeId, ...process, clientVersion: "0.1.0", capabilities: {} });
  }
  await nodes.close();
  changed = [];
  told = [];
  news = new NodeNews({
    store,
    hubId: "this-hub",
    onPresence: (_space, summaries) => told.push(...summaries),
    onChanged: (_space, nodeId) => changed.push(nodeId),
    onBug,
  });
});
afterEach(async () => {
  await news.close();
  await opened.close();
});

onBothDatabases("a hub that had nothing to read", () => {
  beforeEach(() => {
    for (let sweeps = 0; sweeps < 3; sweeps += 1) news.readWaiting();
  });

  it("NOD-16 NOD-17 hears of the next node that another hub changes, and of the one after it", async () => {
    for (const nodeId of NODES) {
      news.heard(announcement(spaceId, nodeId));
      await until(`the news of ${nodeId}`, () => told.at(-1)?.nodeId === nodeId);
      news.readWaiting();
    }
    expect(changed).toEqual(NODES);
  });

  it("NOD-16 looks at every node when it may have missed some", async () => {
    news.heard(null);
    await until("the news of all", () => told.length === NODES.length);
    expect(changed.sort()).toEqual(NODES);
  });
});
