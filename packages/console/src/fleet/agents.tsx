// The agents of one machine: those that were found, and on wish where each lies and how to install the others.
import type { DetectedProvider } from "@muster/contracts";
import { IconAlertTriangle, IconCheck, IconDownload } from "@tabler/icons-react";
import { Hint } from "../shared/hint.tsx";
import classes from "./agents.module.css";

interface AgentsProps {
  readonly providers: readonly DetectedProvider[];
  readonly isOpen: boolean;
  readonly canWork: boolean;
}

export function Agents({ providers, isOpen, canWork }: AgentsProps) {
  const found = providers.filter((provider) => provider.found);
  const missing = providers.filter((provider) => !provider.found);
  if (providers.length === 0) return null;
  if (!isOpen) {
    return found.length === 0 ? (
      canWork && <NoAgent />
    ) : (
      <ul className={classes["found"]} aria-label="Agents">
        {found.map(({ name, title }) => (
          <li key={name}>
            <IconCheck size={14} aria-hidden="true" />
            {title}
          </li>
        ))}
      </ul>
    );
  }
  return (
    <div className={classes["agents"]}>
      <h4 className={classes["heading"]}>Agents</h4>
      {found.length === 0 && <NoAgent />}
      <ul className={classes["providers"]}>
        {[...found, ...missing].map((provider) => (
          <li key={provider.name} className={classes["provider"]} data-found={provider.found}>
            {provider.found ? (
              <IconCheck size={16} aria-label="installed" className={classes["installed"]} />
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

const NoAgent = () => (
  <p className={classes["none"]}>
    <IconAlertTriangle size={15} aria-hidden="true" />
    No agent was found on this machine. Its details say how to install one.
  </p>
);
