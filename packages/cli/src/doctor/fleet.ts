// What doctor asks the hub: whether it serves, whether this machine is online there, and what can work on it.
import { ERRORS, type Health, isErrorCode, MusterError } from "@muster/contracts";
import type { Hub } from "../hub.ts";
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
