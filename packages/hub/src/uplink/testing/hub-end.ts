// The hub's end of the uplink over a real HTTP server, with the rest of the hub as a record of calls that a test steers.

import { randomFillSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type {
  EffectBody,
  ErrorBody,
  LiveCall,
  LiveDelta,
  NodeId,
  ReceivedEntry,
  SpaceId,
  ThreadId,
  TurnId,
} from "@muster/contracts";
import { createIds } from "@muster/core";
import { pino } from "pino";
import { shareOf } from "../../address-shares.ts";
import type { NodeIdentity, NodePlace, Nodes, Orchestration } from "../../ports.ts";
import { createUplink, type HubUplink, type UplinkOptions } from "../index.ts";

export interface HubEnd {
  readonly url: string;
  readonly uplink: HubUplink;
  readonly keys: Map<NodeId, string>;
  readonly calls: {
    connected: { nodeId: NodeId; incarnation: string; connectionId: string }[];
    disconnected: { connectionId: string; expected: boolean }[];
    heartbeats: { epoch: number; connectionId: string }[];
    ingest: { firstSequence: number; entries: readonly ReceivedEntry[]; node: NodeIdentity }[];
    results: { effectId: string; fence: number; error?: ErrorBody }[];
    deltas: LiveDelta[];
    calls: LiveCall[];
    ready: NodeId[];
    bugs: unknown[];
  };
  /** What the fakes do; a test replaces them. */
  readonly act: {
    ingest: (
      firstSequence: number,
      entries: readonly ReceivedEntry[],
    ) => Promise<{ lastSequence: number; error?: ErrorBody }>;
    heartbeat: (epoch: number) => Promise<void>;
    capabilities: () => Promise<void>;
    connected: (incarnation: string) => Promise<{ epoch: number; hasSlot?: boolean }>;
    place: () => Partial<NodePlace> | null | Promise<Partial<NodePlace> | null>;
    settleLost: () => Promise<number>;
    reconcile: () => { threadId: ThreadId; turnId: TurnId }[];
    cursor: () => number;
  };
  /** Sockets of the HTTP server, upgraded ones too. */
  sockets(): Promise<number>;
  close(): Promise<void>;
}

export const SPACE = "space-1" as SpaceId;

const unused = (name: string) => () => {
  throw new Error(`the uplink must not call ${name}`);
};

export const openHubEnd = async (options: Partial<UplinkOptions> = {}): Promise<HubEnd> => {
  const keys = new Map<NodeId, string>();
  const calls: HubEnd["calls"] = {
    connected: [],
    disconnected: [],
    heartbeats: [],
    ingest: [],
    results: [],
    deltas: [],
    calls: [],
    ready: [],
    bugs: [],
  };
  const epochs = new Map<string, number>();
  const act: HubEnd["act"] = {
    ingest: async (firstSequence, entries) => ({ lastSequence: firstSequence + entries.length - 1 }),
    heartbeat: async () => {},
    capabilities: async () => {},
    connected: async (incarnation) => {
      if (!epochs.has(incarnation)) epochs.set(incarnation, epochs.size + 1);
      return { epoch: epochs.get(incarnation) ?? 0 };
    },
    place: () => ({}),
    settleLost: async () => 0,
    reconcile: () => [],
    cursor: () => 0,
  };
  const nodes: Nodes = {
    enrol: async ({ nodeId, publicKey }) => void keys.set(nodeId, publicKey),
    publicKey: async (spaceId, nodeId) => (spaceId === SPACE ? (keys.get(nodeId) ?? null) : null),
    connected: async ({ nodeId, incarnation, connectionId }) => {
      calls.connected.push({ nodeId, incarnation, connectionId });
      return { hasSlot: true, ...(await act.connected(incarnation)) };
    },
    place: async (_spaceId, nodeId) => {
      const place = await act.place();
      if (place === null) return null;
      const newest = calls.connected.findLast((connected) => connected.nodeId === nodeId);
      const epoch = epochs.get(newest?.incarnation ?? "") ?? 1;
      return { epoch, connectionId: newest?.connectionId ?? null, isRevoked: false, hasSlot: true, ...place };
    },
    heartbeat: async ({ epoch, connectionId }) => {
      calls.heartbeats.push({ epoch, connectionId });
      await act.heartbeat(epoch);
    },
    capabilities: () => act.capabilities(),
    attach: unused("attach"),
    beat: unused("beat"),
    declare: unused("declare"),
    detach: unused("detach"),
    revoke: unused("revoke"),
    disconnected: async ({ connectionId, expected }) => void calls.disconnected.push({ connectionId, expected }),
    list: async () => [],
    fleet: async () => ({ nodes: [], inNoSession: [] }),
    close: async () => {},
  };
  const orchestration = {
    ingest: async (
      node: NodeIdentity,
      { firstSequence, entries }: { firstSequence: number; entries: readonly ReceivedEntry[] },
    ) => {
      calls.ingest.push({ firstSequence, entries, node });
      return act.ingest(firstSequence, entries);
    },
    ingestCursor: async () => act.cursor(),
    publishDelta: (_node: NodeIdentity, delta: LiveDelta) => void calls.deltas.push(delta),
    publishCall: (_node: NodeIdentity, call: LiveCall) => void calls.calls.push(call),
    effectResult: async (_node: NodeIdentity, result: HubEnd["calls"]["results"][number]) =>
      void calls.results.push(result),
    reconcileNode: async () => act.reconcile(),
    settleLost: () => act.settleLost(),
    nodeConnected: (_spaceId: SpaceId, nodeId: NodeId) => void calls.ready.push(nodeId),
    head: () => ({ generation: "g1", headSequence: 0 }),
  } as unknown as Orchestration;
  const clock = { now: () => Date.now() };
  const random = { fill: (bytes: Uint8Array) => randomFillSync(bytes) };
  const log = pino({ level: "error" }, { write: (line: string) => void calls.bugs.push(JSON.parse(line)) });
  const uplink = createUplink({
    nodes,
    orchestration: () => orchestration,
    allowUpgrade: (request) => request.headers.host?.startsWith("127.0.0.1:") ?? false,
    shareOf: (request) => shareOf(String(request.headers["x-from"])),
    replicaId: "replica-1",
    clock,
    ids: createIds(clock, random),
    random,
    log,
    ...options,
  });
  const server: Server = createServer((_request, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket, head) => uplink.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    uplink,
    keys,
    calls,
    act,
    sockets: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    close: async () => {
      await uplink.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

export const interruptOf = (turnId: string): EffectBody => ({
  kind: "node.turn.interrupt",
  threadId: "thread" as ThreadId,
  turnId: turnId as TurnId,
  correlationId: null,
});
