// The list of machines, by session, and after them those in none, with only what is near the window in the document: five
// hundred are nothing special. On a machine's name, arrow keys, Home and End move through the list.
import type { NodeInNoSession, NodeSummary } from "@muster/contracts";
import { Link } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { IdleCard } from "./idle-card.tsx";
import { MachineCard } from "./machine-card.tsx";
import classes from "./machine-list.module.css";
import { type Machine, type MachineGroup, machineKey } from "./machines.ts";

type Row =
  | { readonly kind: "session"; readonly key: string; readonly group: MachineGroup }
  | { readonly kind: "machine"; readonly key: string; readonly group: MachineGroup; readonly node: NodeSummary }
  | { readonly kind: "no session"; readonly key: string; readonly count: number }
  | { readonly kind: "idle"; readonly key: string; readonly node: NodeInNoSession };

/** Guesses until a row was measured. */
const ESTIMATES: Readonly<Record<Row["kind"], number>> = {
  session: 46,
  machine: 118,
  "no session": 46,
  idle: 118,
};
/** The header of the page stands over what scrolls. */
const HEADER_PX = 64;
const STEPS: Readonly<Record<string, (index: number, last: number) => number>> = {
  ArrowDown: (index, last) => Math.min(last, index + 1),
  ArrowUp: (index) => Math.max(0, index - 1),
  Home: () => 0,
  End: (_index, last) => last,
};

export function MachineList({
  groups,
  idle,
  withTitles,
}: {
  groups: readonly MachineGroup[];
  /** Of the one who looks, in no session. */
  idle: readonly NodeInNoSession[];
  /** Where there are several sessions. */
  withTitles: boolean;
}) {
  const list = useRef<HTMLUListElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [offset, setOffset] = useState(0);
  const rows = useMemo(() => rowsOf(groups, idle, withTitles), [groups, idle, withTitles]);
  const machines = useMemo(
    () => rows.flatMap((row, index) => (row.kind === "machine" || row.kind === "idle" ? [{ ...row, index }] : [])),
    [rows],
  );
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: (index) => ESTIMATES[rows[index]?.kind ?? "machine"],
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    overscan: 6,
    scrollMargin: offset,
    scrollPaddingStart: HEADER_PX,
  });
  useLayoutEffect(() => setOffset(list.current?.offsetTop ?? 0), []);

  const toggle = useCallback((node: Machine) => {
    const key = machineKey(node);
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  }, []);
  const move = useCallback(
    (event: KeyboardEvent, node: Machine) => {
      const step = STEPS[event.key];
      const from = machines.findIndex(({ key }) => key === machineKey(node));
      if (step === undefined || from < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const target = machines[step(from, machines.length - 1)];
      if (target === undefined) return;
      virtualizer.scrollToIndex(target.index, { align: "auto" });
      focusSoon(list, target.key);
    },
    [machines, virtualizer],
  );
  // The card that had the focus goes with what was done on it; another takes its place, and the focus, when the feed brings it.
  const awaited = useRef<string | null>(null);
  const awaitCard = useCallback((key: string) => {
    awaited.current = key;
  }, []);
  useEffect(() => {
    const target = machines.find(({ key }) => key === awaited.current);
    if (target === undefined) return;
    awaited.current = null;
    if (document.activeElement !== document.body) return;
    virtualizer.scrollToIndex(target.index, { align: "auto" });
    focusSoon(list, target.key);
  }, [machines, virtualizer]);

  return (
    <ul ref={list} className={classes["list"]} style={{ height: virtualizer.getTotalSize() }} aria-label="Machines">
      {virtualizer.getVirtualItems().map(({ index, key, start }) => {
        const row = rows[index];
        if (row === undefined) return null;
        const place = {
          ref: virtualizer.measureElement,
          "data-index": index,
          "data-row": row.key,
          className: classes["row"],
          style: { transform: `translateY(${start - offset}px)` },
        };
        const face = { isOpen: open.has(row.key), onToggle: toggle, onKeyDown: move };
        return (
          <li key={key} {...place}>
            {row.kind === "session" && <SessionTitle group={row.group} />}
            {row.kind === "machine" && <MachineCard node={row.node} session={row.group.session} {...face} />}
            {row.kind === "no session" && <NoSessionTitle count={row.count} />}
            {row.kind === "idle" && <IdleCard node={row.node} onAttaching={awaitCard} {...face} />}
          </li>
        );
      })}
    </ul>
  );
}

function SessionTitle({ group: { session, sessionId, machines } }: { group: MachineGroup }) {
  return (
    <h2 className={classes["session"]}>
      <Link to="/sessions/$sessionId" params={{ sessionId }}>
        {session?.title ?? "A session"}
      </Link>
      <span>
        {counted(machines.length)}
        {session?.state === "archived" && ", archived"}
      </span>
    </h2>
  );
}

/** Seen by their owner alone, so it says whose they are. */
const NoSessionTitle = ({ count }: { count: number }) => (
  <h2 className={classes["session"]}>
    In no session
    <span>{counted(count)} of yours</span>
  </h2>
);

const counted = (machines: number): string => `${machines} ${machines === 1 ? "machine" : "machines"}`;

const rowsOf = (groups: readonly MachineGroup[], idle: readonly NodeInNoSession[], withTitles: boolean): Row[] => [
  ...groups.flatMap((group): Row[] => [
    ...(withTitles ? [{ kind: "session" as const, key: group.sessionId, group }] : []),
    ...group.machines.map((node) => ({ kind: "machine" as const, key: machineKey(node), group, node })),
  ]),
  ...(idle.length > 0 ? [{ kind: "no session" as const, key: "no session", count: idle.length }] : []),
  ...idle.map((node) => ({ kind: "idle" as const, key: machineKey(node), node })),
];

/** A row that was out of sight is drawn first. */
function focusSoon(list: { readonly current: HTMLElement | null }, key: string, framesLeft = 20): void {
  const rows = list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [];
  const row = [...rows].find((candidate) => candidate.dataset["row"] === key);
  const button = row?.querySelector<HTMLElement>("[data-machine-toggle]");
  if (button !== undefined && button !== null) button.focus();
  else if (framesLeft > 0) requestAnimationFrame(() => focusSoon(list, key, framesLeft - 1));
}
