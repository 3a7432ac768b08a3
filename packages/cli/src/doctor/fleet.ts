// What doctor asks the hub: whether it serves, whether this machine is online there, and what can work on it.
import { isErrorCode, MusterError } from "@muster/contracts";
import type { Hub } from "../hub.ts";
import { counted, oneLine } from "../output/text.ts";
import type { Check } from "./machine.ts";

export async function checkHub(hub: Hub): Promise<{ check: Check; isServing: boolean }> {
  try {
    const { status, version } = await hub.api.health();
    const isServing = status === "ok";
    return {
      check: {
        name: "hub",
        state: isServing ? "ok" : "warn",
        message: `the hub at ${hub.address.url} is ${status}, version ${version}`,
        ...(isServing ? {} : { advice: "Wait a moment; if it stays, restart it." }),
      },
      isServing,
    };
  } catch (error) {
    return { check: failed("hub", error), isServing: false };
  }
}

export async function checkNodes(hub: Hub): Promise<Check[]> {
  try {
    const { nodes } = await hub.api.nodes.list();
    const online = nodes.filter(({ health }) => health === "online");
    const machines: Check =
      online.length > 0
        ? { name: "node", state: "ok", message: `${counted(online.length, "machine")} of ${nodes.length} online` }
        : {
            name: "node",
            state: "fail",
            message: nodes.length === 0 ? "no machine is attached" : "no machine is online",
            advice: "Restart `muster up`; the daemon's log is daemon.log in the home.",
          };
    const agents = online.flatMap(({ capabilities }) => capabilities.providers ?? []).filter(({ found }) => found);
    const real = agents.filter(({ name }) => name !== "sample");
    const found: Check =
      real.length > 0
        ? { name: "agents", state: "ok", message: `found ${real.map(({ title }) => oneLine(title)).join(", ")}` }
        : {
            name: "agents",
            state: "warn",
            message: agents.length > 0 ? "only the sample agent was found" : "no agent was found",
            advice: "Install a coding agent; `muster agents` says how.",
          };
    return [machines, found];
  } catch (error) {
    return [failed("node", error)];
  }
}

function failed(name: string, error: unknown): Check {
  const known = error instanceof MusterError && isErrorCode(error.code);
  return {
    name,
    state: "fail",
    message: error instanceof Error ? oneLine(error.message) : String(error),
    ...(known ? { advice: error.row.hint } : {}),
  };
}
