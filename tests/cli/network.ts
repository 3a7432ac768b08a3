// Two machines on a wire: network namespaces with a pair of virtual interfaces between them. Made as root, or in a user
// namespace where the kernel lets others do it; gone with the two processes that hold them.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

export interface Wire {
  /** What stands before a command that runs on the first machine, or on the second. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  end(): Promise<void>;
}

export const FIRST_ADDRESSES = { ipv4: "10.77.0.1", ipv6: "fd77::1" };
const SECOND_ADDRESSES = { ipv4: "10.77.0.2", ipv6: "fd77::2" };

const isRoot = process.getuid?.() === 0;
const OWN_USERS = isRoot ? [] : ["--user", "--map-root-user"];
const INSIDE_USERS = isRoot ? [] : ["--user", "--preserve-credentials"];
const HOLD = "ip link set lo up && echo held && exec sleep 3600";

/** The kernel's own words where it lets nobody make a network here; null where it does. */
export function whyNoNetwork(): string | null {
  const { status, stderr, error } = spawnSync("unshare", [...OWN_USERS, "--net", "ip", "link", "set", "lo", "up"], {
    encoding: "utf8",
  });
  if (status === 0) return null;
  return (error?.message ?? stderr.trim()) || `unshare ended with ${status}`;
}

async function hold(file: string, args: readonly string[]) {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

export async function makeWire(): Promise<Wire> {
  const holder = await hold("unshare", [...OWN_USERS, "--net", "sh", "-c", HOLD]);
  const first = ["nsenter", `--target=${holder.pid}`, ...INSIDE_USERS, "--net"];
  const other = await hold("nsenter", [...first.slice(1), "unshare", "--net", "sh", "-c", HOLD]);
  const second = ["nsenter", `--target=${other.pid}`, ...INSIDE_USERS, "--net"];
  const on = ([file = "", ...before]: readonly string[], ...args: string[]) =>
    execFileSync(file, [...before, "ip", ...args], { stdio: "pipe" });
  on(first, "link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", String(other.pid));
  for (const [machine, name, { ipv4, ipv6 }] of [
    [first, "wire0", FIRST_ADDRESSES],
    [second, "wire1", SECOND_ADDRESSES],
  ] as const) {
    on(machine, "address", "add", `${ipv4}/24`, "dev", name);
    on(machine, "address", "add", `${ipv6}/64`, "dev", name, "nodad");
    on(machine, "link", "set", name, "up");
  }
  return {
    first,
    second,
    end: async () => {
      const ends = [other, holder].map(async (child) => {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      });
      await Promise.all(ends);
    },
  };
}
