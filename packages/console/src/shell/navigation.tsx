// The left side: the pages, and below them every thread.
import { IconHome, IconServer2, IconSettings, IconUsersGroup } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useOverview } from "../application/muster.tsx";
import { ThreadList } from "../threads/thread-list.tsx";
import classes from "./shell.module.css";

export function Navigation({ onNavigate }: { onNavigate: () => void }) {
  const { threads } = useOverview();
  const waiting = threads.reduce((count, thread) => count + thread.pendingApprovalCount, 0);
  return (
    <div className={classes["nav"]}>
      <div className={classes["links"]}>
        <Link to="/" className={classes["link"]} activeOptions={{ exact: true }} onClick={onNavigate}>
          <IconHome size={18} stroke={1.7} aria-hidden="true" />
          Home
          {waiting > 0 && (
            <span className={classes["count"]}>
              {waiting}
              <span className="visually-hidden"> waiting for an answer</span>
            </span>
          )}
        </Link>
        <Link to="/fleet" className={classes["link"]} onClick={onNavigate}>
          <IconServer2 size={18} stroke={1.7} aria-hidden="true" />
          Fleet
        </Link>
        <Link to="/sessions" className={classes["link"]} onClick={onNavigate}>
          <IconUsersGroup size={18} stroke={1.7} aria-hidden="true" />
          Sessions
        </Link>
        <Link to="/settings" className={classes["link"]} onClick={onNavigate}>
          <IconSettings size={18} stroke={1.7} aria-hidden="true" />
          Settings
        </Link>
      </div>
      <ThreadList onNavigate={onNavigate} />
    </div>
  );
}
