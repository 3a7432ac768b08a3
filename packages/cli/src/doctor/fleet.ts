// What doctor asks the hub: whether it serves, whether this machine is online there, and what can work on it.
import { ERRORS, type Health, MusterError, type NodeSummary } from "@muster/contracts";
import { hintOf } from "../errors.ts";
import type { Hub } from "../hub.ts";
import type { JoinedHub } from "../join/joined.ts";
import { type AnyNode, isInNoSession, mayWork, nameOfNode, newestSlots } from "../nodes.ts";
import { counted, oneLine } from "../output/text.ts";
import type { Check } from "./machine.ts";

export async function checkHub(hub: Hub): Promise<{ checks: Check[]; isServing: boolean }> {
  try {
    const { status, version, database } = await hub.api.health();
    const isServing = status === "ok";
    const check: Check = {
      name: "hub",
      state: isServing ? "ok" : "warn",
      message: `the hub at ${hub.address.url} is ${status}, version ${version}`,
      ...(isServing ? {} : { advice: "Wait a moment; if it stays, restart it." }),
    };
    return { checks: [check, ...checkDatabase(database)], isServing };
  } catch (error) {
    return { checks: [failed("hub", error)], isServing: false };
  }
}

/** What the hub found in its database file; nothing where it has none to check. */
export function checkDatabase(found: Health["database"]): Check[] {
  switch (found) {
    case "ok":
      return [{ name: "integrity", state: "ok", message: "the database passed its integrity check" }];
    case "checking":
      return [{ name: "integrity", state: "ok", message: "the database is being checked" }];
    case "damaged":
      return [
        {
          name: "integrity",
          state: "fail",
          message: "the database is damaged, and the hub writes nothing more to it; the hub's log says where",
          advice: ERRORS.database_corrupt.hint,
        },
      ];
    default:
      return [];
  }
}

export async function checkNodes(hub: Hub): Promise<Check[]> {
  try {
    const nodes = newestSlots((await hub.api.nodes.list()).nodes);
    const online = nodes.filter(({ health }) => health === "online");
    return [machinesCheck(nodes), agentsCheck(online)];
  } catch (error) {
    return [failed("node", error)];
  }
}

/** Being online is not enough: a machine without a slot, or whose version or owner keeps it from working, gets nothing new. */
export function machinesCheck(nodes: readonly NodeSummary[]): Check {
  const name = "node";
  const online = nodes.filter(({ health }) => health === "online");
  const idle = online.filter((node) => !mayWork(node));
  if (online.length === 0)
    return {
      name,
      state: "fail",
      message: nodes.length === 0 ? "no machine is attached" : "no machine is online",
      advice: "Restart `muster up`; the daemon's log is daemon/daemon.log in the home.",
    };
  const message = `${counted(online.length, "machine")} of ${nodes.length} online`;
  if (idle.length === 0) return { name, state: "ok", message };
  return {
    name,
    state: idle.length === online.length ? "fail" : "warn",
    message: `${message}, of which ${idle.map(nameOfNode).join(", ")} may not work`,
    advice: "`muster nodes` says why.",
  };
}

function agentsCheck(nodes: readonly AnyNode[]): Check {
  const agents = nodes.flatMap(({ capabilities }) => capabilities.providers ?? []).filter(({ found }) => found);
  const real = agents.filter(({ name }) => name !== "sample");
  if (real.length > 0)
    return { name: "agents", state: "ok", message: `found ${real.map(({ title }) => oneLine(title)).join(", ")}` };
  return {
    name: "agents",
    state: "warn",
    message: agents.length > 0 ? "only the sample agent was found" : "no agent was found",
    advice: "Install a coding agent; `muster agents` says how.",
  };
}

/** What a machine that has joined a hub needs of it: its own place there. */
export async function checkOwnNode(hub: Hub, { nodeId, sessionTitle }: JoinedHub): Promise<Check[]> {
  try {
    const { nodes, inNoSession = [] } = await hub.api.nodes.list();
    const isOwn = (node: AnyNode): boolean => node.nodeId === nodeId;
    const own = newestSlots(nodes.filter(isOwn))[0] ?? inNoSession.find(isOwn);
    return [ownPlace(own, oneLine(sessionTitle)), ...(own === undefined ? [] : [agentsCheck([own])])];
  } catch (error) {
    return [failed("node", error)];
  }
}

export function ownPlace(own: AnyNode | undefined, sessionTitle: string): Check {
  const name = "node";
  if (own === undefined)
    return {
      name,
      state: "fail",
      message: `this machine is not on the roster of "${sessionTitle}"`,
      advice: "You may have been removed from the session: ask an owner.",
    };
  if (isInNoSession(own))
    return {
      name,
      state: "fail",
      message: own.isElsewhere
        ? "this machine works in a session that you belong to no more"
        : "this machine is in no session, so it gets no work",
      advice: own.isElsewhere
        ? "Take it from there with `muster nodes detach`, then give it a slot with `muster nodes attach`."
        : "Give it a slot with `muster nodes attach`.",
    };
  if (own.state === "revoked")
    return {
      name,
      state: "fail",
      message: "an owner revoked this machine's place, for good",
      advice: "Its daemon is not taken again. With a new invite, join under another --home, as a new machine.",
    };
  if (own.health === "offline")
    return { name, state: "fail", message: "this machine is offline", advice: "Start it with `muster daemon up`." };
  if (own.state === "offline")
    return {
      name,
      state: "warn",
      message: "this machine is connected and has no slot, so it gets no work",
      advice: "Give it one with `muster nodes attach`.",
    };
  if (own.suspended)
    return {
      name,
      state: "warn",
      message: "this machine is suspended: you may bring no machine to the session now, or the session is not active",
      advice: "Ask an owner of the session.",
    };
  if (own.readOnly)
    return {
      name,
      state: "warn",
      message: `this machine may only look: version ${own.clientVersion} is below the session's floor`,
      advice: "Upgrade Muster on this machine.",
    };
  return { name, state: "ok", message: `this machine is ${own.health} in "${sessionTitle}"` };
}

function failed(name: string, error: unknown): Check {
  const message = error instanceof Error ? oneLine(error.message) : String(error);
  return { name, state: "fail", message, ...(error instanceof MusterError ? { advice: hintOf(error) } : {}) };
}
