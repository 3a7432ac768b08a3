// Every machine of the fleet by session: whether it may work, whether it is alive, what keeps it from work, and what can
// be done with it. "/" moves to the search.
import { Button, CloseButton, SegmentedControl, Skeleton, Stack, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import type { SessionSummary } from "@muster/contracts";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useInNoSession, useMuster, useNodes } from "../application/muster.tsx";
import { InviteDialog, type InviteRequest } from "../invites/invite-dialog.tsx";
import { may } from "../sessions/may.ts";
import { useSessions } from "../sessions/use-sessions.ts";
import page from "../shared/page.module.css";
import { CopyLine, PageHead } from "../shared/page.tsx";
import classes from "./fleet-page.module.css";
import { MachineList } from "./machine-list.tsx";
import { countOf, FILTERS, type Filter, type FleetView, groupMachines, machinesInNoSession } from "./machines.ts";

/** A machine's state comes by the feed as it changes; its heartbeats are only read. */
const HEARTBEATS_READ_EVERY_MS = 5_000;
const NO_SESSIONS: readonly SessionSummary[] = [];

export function FleetPage() {
  const nodes = useNodes();
  const inNoSession = useInNoSession();
  const sessions = useSessions() ?? NO_SESSIONS;
  const [request, setRequest] = useState<InviteRequest | null>(null);
  useHeartbeats();
  const owned = sessions.filter(({ state, role }) => state === "active" && may("invites.create", role));
  return (
    <div className={page["page"]} data-testid="fleet-page">
      <PageHead title="Fleet" lead="Each machine runs the daemon, which starts agents and records what they change.">
        {owned.length > 0 && (
          <Button
            leftSection={<IconPlus size={17} />}
            onClick={() => setRequest({ purpose: "machine", sessions: owned })}
          >
            Add a machine
          </Button>
        )}
      </PageHead>
      {nodes === null ? (
        <Stack role="status" aria-label="Loading the machines">
          <Skeleton height={104} radius="lg" />
          <Skeleton height={104} radius="lg" />
        </Stack>
      ) : nodes.length + inNoSession.length === 0 ? (
        <NoMachine />
      ) : (
        <Machines nodes={nodes} inNoSession={inNoSession} sessions={sessions} />
      )}
      <InviteDialog request={request} onClose={() => setRequest(null)} />
    </div>
  );
}

function useHeartbeats(): void {
  const { feed } = useMuster();
  useEffect(() => {
    const read = (): void => {
      if (document.visibilityState === "visible") void feed.reloadNodes().catch(() => {});
    };
    const timer = setInterval(read, HEARTBEATS_READ_EVERY_MS);
    return () => clearInterval(timer);
  }, [feed]);
}

function Machines({ nodes, inNoSession, sessions }: FleetView & { sessions: readonly SessionSummary[] }) {
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const words = useDeferredValue(search);
  const input = useRef<HTMLInputElement>(null);
  useHotkeys([["/", () => input.current?.focus()]]);
  const groups = useMemo(
    () => groupMachines(nodes, sessions, { search: words, filter }),
    [nodes, sessions, words, filter],
  );
  const idle = useMemo(() => machinesInNoSession(inNoSession, { search: words, filter }), [inNoSession, words, filter]);
  const count = groups.reduce((sum, { machines }) => sum + machines.length, idle.length);
  const reset = (): void => {
    setSearch("");
    setFilter("all");
  };
  return (
    <>
      <div className={classes["tools"]}>
        <TextInput
          ref={input}
          className={classes["search"] ?? ""}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && setSearch("")}
          placeholder="Search by name, owner, version or agent"
          aria-label="Search machines"
          leftSection={<IconSearch size={16} />}
          rightSection={
            search !== "" && <CloseButton size="sm" aria-label="Clear the search" onClick={() => setSearch("")} />
          }
        />
        <SegmentedControl
          className={classes["filter"] ?? ""}
          aria-label="Which machines"
          value={filter}
          onChange={(value) => setFilter(value as Filter)}
          data={Object.entries(FILTERS).map(([value, { label }]) => ({
            value,
            label: `${label} ${countOf({ nodes, inNoSession }, value as Filter)}`,
          }))}
        />
      </div>
      <p className="visually-hidden" role="status">
        {count === 1 ? "1 machine is shown" : `${count} machines are shown`}
      </p>
      {count === 0 ? (
        <div className={classes["none"]}>
          <p>No machine fits that.</p>
          <Button variant="default" size="xs" onClick={reset}>
            Show all
          </Button>
        </div>
      ) : (
        <MachineList groups={groups} idle={idle} withTitles={sessions.length > 1 || groups.length > 1} />
      )}
    </>
  );
}

const NoMachine = () => (
  <div className={classes["none"]}>
    <h2>No machine is attached</h2>
    <p>Start Muster on the machine where the hub runs, and it joins by itself:</p>
    <CopyLine text="muster up" label="Copy the command" />
  </div>
);
