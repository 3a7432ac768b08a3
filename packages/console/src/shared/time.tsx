// Times as people say them, kept right while they are looked at.
import { useEffect, useState } from "react";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "just now", "12 s ago", "5 min ago", "3 h ago", "2 d ago", then the date. */
export function sinceText(milliseconds: number): string {
  if (milliseconds < 2 * SECOND) return "just now";
  if (milliseconds < MINUTE) return `${Math.floor(milliseconds / SECOND)} s ago`;
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min ago`;
  if (milliseconds < DAY) return `${Math.floor(milliseconds / HOUR)} h ago`;
  return `${Math.floor(milliseconds / DAY)} d ago`;
}

/** How long something still lasts, in its largest unit: "a moment", "5 min", "3 h", "6 d". */
export function untilText(milliseconds: number): string {
  if (milliseconds < MINUTE) return "a moment";
  if (milliseconds < 2 * HOUR) return `${Math.round(milliseconds / MINUTE)} min`;
  if (milliseconds < 2 * DAY) return `${Math.round(milliseconds / HOUR)} h`;
  return `${Math.round(milliseconds / DAY)} d`;
}

/** "4 s", "1 min 20 s", "2 h 5 min". */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / SECOND));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** The time now, renewed every so often. */
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}

export function RelativeTime({ at, everyMs = 10_000 }: { at: string; everyMs?: number }) {
  const now = useNow(everyMs);
  const date = new Date(at);
  return (
    <time dateTime={at} title={date.toLocaleString()}>
      {sinceText(Math.max(0, now - date.getTime()))}
    </time>
  );
}

/** How long something has run, second by second. */
export function Elapsed({ since }: { since: string }) {
  const now = useNow(SECOND);
  return <span>{durationText(now - new Date(since).getTime())}</span>;
}
