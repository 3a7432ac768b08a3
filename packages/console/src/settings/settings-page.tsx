// What is set up rarely: one's own tokens and logins, and for owners the record of administrative acts.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { may } from "../sessions/may.ts";
import { useSessions } from "../sessions/use-sessions.ts";
import page from "../shared/page.module.css";
import { PageHead } from "../shared/page.tsx";
import { AuditSection } from "./audit-section.tsx";
import classes from "./settings-page.module.css";
import { TokensSection } from "./tokens-section.tsx";

export function TokensPage() {
  return (
    <SettingsPage>
      <TokensSection />
    </SettingsPage>
  );
}

export function AuditPage() {
  const sessions = useSessions();
  const isOwner = may("audit.list", sessions?.find(({ isDefault }) => isDefault)?.role);
  return (
    <SettingsPage>
      {sessions !== null && !isOwner ? (
        <p className={classes["refused"]}>Only owners of the default session read the audit log.</p>
      ) : (
        isOwner && <AuditSection />
      )}
    </SettingsPage>
  );
}

function SettingsPage({ children }: { children: ReactNode }) {
  const sessions = useSessions();
  const isOwner = may("audit.list", sessions?.find(({ isDefault }) => isDefault)?.role);
  return (
    <div className={page["page"]} data-testid="settings-page">
      <PageHead title="Settings" />
      {isOwner && (
        <nav className={classes["tabs"]} aria-label="Settings">
          <Link to="/settings" activeOptions={{ exact: true }} className={classes["tab"]}>
            Tokens and logins
          </Link>
          <Link to="/settings/audit" className={classes["tab"]}>
            Audit log
          </Link>
        </nav>
      )}
      {children}
    </div>
  );
}
