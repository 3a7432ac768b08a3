// The daemon's end of the uplink without a daemon: what its tests share.
import { randomFillSync } from "node:crypto";
import type { ErrorBody, FrameOf, JournalId, NodeId, SpaceId, ThreadId, TurnId } from "@muster/contracts";
import { createIds } from "@muster/core";
import { until } from "@muster/core/testing";
import { pino } from "pino";
import type { Uplink, UplinkHost } from "../../ports.ts";
import { systemTimers, type Timers } from "../../processes/index.ts";
import { createUplink } from "../index.ts";
import { atEnd, openHub } from "./opened.ts";
import type { ScriptedHub } from "./scripted-hub.ts";

const chance = { fill: (bytes: Uint8Array) => randomFillSync(bytes) };

/** An uplink alone, toward a scripted hub, with what it told its host. */
export const openUplink = async (
  more: Partial<UplinkHost> = {},
  timers: Timers = systemTimers,
  existing?: ScriptedHub,
  random = chance,
) => {
  const hub = existing ?? (await openHub());
  const seen = {
    connected: [] as FrameOf<"hello_ack">[],
    disconnected: 0,
    stopped: [] as ErrorBody[],
    acks: [] as FrameOf<"ingest.ack">[],
    drained: 0,
  };
  const clock = { now: () => Date.now() };
  const host: UplinkHost = {
    nodeId: "node" as NodeId,
    spaceId: "space-1" as SpaceId,
    daemonVersion: "0.1.0",
    incarnation: "incarnation-000001",
    sign: () => "c2lnbmF0dXJl",
    capabilities: () => ({ hostname: "box" }),
    journal: () => ({ journalId: "journal" as JournalId, lastSequence: 7 }),
    runningTurns: () => [{ threadId: "t" as ThreadId, turnId: "u" as TurnId }],
    connected: (ack) => void seen.connected.push(ack),
    disconnected: () => {
      seen.disconnected += 1;
    },
    stopped: (error) => void seen.stopped.push(error),
    runEffect: async () => {},
    answer: async () => null,
    ingestAcknowledged: (ack) => void seen.acks.push(ack),
    bulkDrained: () => {
      seen.drained += 1;
    },
    ...more,
  };
  const uplink: Uplink = createUplink({
    hubUrl: hub.url,
    host,
    timers,
    random,
    ids: createIds(clock, chance),
    log: pino({ level: "silent" }),
  });
  atEnd(() => uplink.close());
  const connected = (count = 1) => until(`connection ${count}`, () => seen.connected.length >= count);
  return { hub, seen, uplink, connected };
};
