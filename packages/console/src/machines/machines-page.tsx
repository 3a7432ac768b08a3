// Every machine of the fleet: whether it may work, whether it is alive, and which agents it has.
import { Alert, Code, Group, Skeleton, Stack, Text, Title, Tooltip } from "@mantine/core";
import type { DetectedProvider, NodeHealth, NodeState, NodeSummary } from "@muster/contracts";
import { IconCheck, IconDownload, IconLock, IconServer2 } from "@tabler/icons-react";
import { useEffect } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { CopyButton } from "../shared/copy-button.tsx";
import { Hint } from "../shared/hint.tsx";
import { RelativeTime } from "../shared/time.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import classes from "./machines-page.module.css";

const HEALTH_TEXT: Readonly<Record<NodeHealth, string>> = {
  online: "Online",
  degraded: "Not answering well",
  offline: "Offline",
};
const STATE_TEXT: Readonly<Record<NodeState, string>> = {
  registering: "Joining",
  online: "Attached",
  degraded: "Attached",
  offline: "Slot kept",
  revoked: "Revoked",
};
const STATE_HINT: Readonly<Record<NodeState, string>> = {
  registering: "The machine is taking its place in the session.",
  online: "The machine may work in this session.",
  degraded: "The machine may work in this session.",
  offline: "Its place in the session is kept until it is back.",
  revoked: "The machine may no longer work here. An owner must invite it again.",
};
const HEALTH_ORDER: Readonly<Record<NodeHealth, number>> = { online: 0, degraded: 1, offline: 2 };

/** A machine's state comes by the feed as it changes; its heartbeats are only read. */
const HEARTBEATS_READ_EVERY_MS = 5_000;

export function MachinesPage() {
  const nodes = useNodes();
  useHeartbeats();
  const sorted = [...(nodes ?? [])].sort(
    (first, second) =>
      HEALTH_ORDER[first.health] - HEALTH_ORDER[second.health] || nodeName(first).localeCompare(nodeName(second)),
  );
  return (
    <div className={classes["page"]} data-testid="machines-page">
      <Title order={1} size="h2">
        Machines
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        Each runs the daemon, which starts agents and records what they change.
      </Text>
      {nodes === null ? (
        <Stack role="status" aria-label="Loading the machines">
          <Skeleton height={150} radius="lg" />
        </Stack>
      ) : sorted.length === 0 ? (
        <NoMachine />
      ) : (
        <ul className={classes["list"]}>
          {sorted.map((node) => (
            <Machine key={`${node.sessionId}/${node.nodeId}`} node={node} />
          ))}
        </ul>
      )}
    </div>
  );
}

function useHeartbeats(): void {
  const { feed } = useMuster();
  useEffect(() => {
    const read = (): void => void feed.reloadNodes().catch(() => {});
    const timer = setInterval(read, HEARTBEATS_READ_EVERY_MS);
    return () => clearInterval(timer);
  }, [feed]);
}

function Machine({ node }: { node: NodeSummary }) {
  const { capabilities, health, state } = node;
  return (
    <li className={classes["card"]} data-testid="machine-row" data-health={health} data-node-id={node.nodeId}>
      <div className={classes["top"]}>
        <IconServer2 size={22} stroke={1.5} aria-hidden="true" className={classes["icon"]} />
        <div className={classes["name"]}>
          <h2 className={classes["title"]}>{nodeName(node)}</h2>
          <p className={classes["facts"]}>
            {capabilities.platform !== undefined && <span>{capabilities.platform}</span>}
            <span>Muster {node.clientVersion}</span>
            <span>
              {node.lastHeartbeatAt === null ? (
                "no heartbeat yet"
              ) : (
                <>
                  last heartbeat <RelativeTime at={node.lastHeartbeatAt} everyMs={1_000} />
                </>
              )}
            </span>
          </p>
        </div>
        <Group gap={8} className={classes["badges"] ?? ""}>
          {node.readOnly && (
            <Tooltip
              label="Its daemon is older than this session allows, so it may only look. Upgrade Muster there."
              multiline
              maw={260}
            >
              <span className={classes["readOnly"]}>
                <IconLock size={13} aria-hidden="true" />
                Read only
              </span>
            </Tooltip>
          )}
          <Tooltip label={STATE_HINT[state]} multiline maw={260}>
            <span className={classes["slot"]} data-state={state}>
              {STATE_TEXT[state]}
            </span>
          </Tooltip>
          <span className={classes["health"]} data-health={health} data-testid="machine-health">
            <span className={classes["dot"]} aria-hidden="true" />
            {HEALTH_TEXT[health]}
          </span>
        </Group>
      </div>
      {health === "offline" && state !== "revoked" && (
        <Text size="sm" c="dimmed" mt={10}>
          Turns asked for on this machine wait until it is back. Start Muster there again.
        </Text>
      )}
      <Agents providers={capabilities.providers ?? []} />
    </li>
  );
}

function Agents({ providers }: { providers: readonly DetectedProvider[] }) {
  const found = providers.filter((provider) => provider.found);
  const missing = providers.filter((provider) => !provider.found);
  if (providers.length === 0) return null;
  return (
    <div className={classes["agents"]}>
      <h3 className={classes["heading"]}>Agents</h3>
      {found.length === 0 && (
        <Alert color="yellow" variant="light" mb={8}>
          No agent was found on this machine. Install one of those below.
        </Alert>
      )}
      <ul className={classes["providers"]}>
        {[...found, ...missing].map((provider) => (
          <li key={provider.name} className={classes["provider"]} data-found={provider.found}>
            {provider.found ? (
              <IconCheck size={16} aria-label="installed" className={classes["found"]} />
            ) : (
              <IconDownload size={16} aria-label="not installed" />
            )}
            <span className={classes["providerName"]}>{provider.title}</span>
            <span className={classes["providerDetail"]}>
              {provider.found ? (
                <span className="mono">{provider.path ?? provider.command}</span>
              ) : (
                <Hint text={provider.installHint ?? "not installed"} />
              )}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function NoMachine() {
  return (
    <div className={classes["card"]}>
      <Title order={2} size="h4">
        No machine is attached
      </Title>
      <Text c="dimmed" size="sm" mt={4}>
        Start Muster on the machine where the hub runs, and it joins by itself:
      </Text>
      <Group gap={6} mt="sm">
        <Code fz={13} px={10} py={4}>
          muster up
        </Code>
        <CopyButton text="muster up" label="Copy the command" />
      </Group>
    </div>
  );
}
