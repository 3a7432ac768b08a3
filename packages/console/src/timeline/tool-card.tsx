// The tools an agent used, one line each: what it did and how it went; more on demand.
import { Collapse, Loader, UnstyledButton } from "@mantine/core";
import type { ToolCall, ToolKind } from "@muster/contracts";
import {
  IconArrowsMove,
  IconBulb,
  IconCheck,
  IconChevronRight,
  IconFilePencil,
  IconFileText,
  IconSearch,
  IconTerminal2,
  IconTool,
  IconTrash,
  IconWorld,
  IconX,
} from "@tabler/icons-react";
import { memo, useState } from "react";
import { useWorkspacePath } from "../shared/workspace-path.tsx";
import { EditView } from "./edit-view.tsx";
import classes from "./tool-card.module.css";

const ICONS: Readonly<Record<ToolKind, typeof IconTool>> = {
  read: IconFileText,
  edit: IconFilePencil,
  delete: IconTrash,
  move: IconArrowsMove,
  search: IconSearch,
  execute: IconTerminal2,
  think: IconBulb,
  fetch: IconWorld,
  other: IconTool,
};

const STATUS_TEXT: Readonly<Record<ToolCall["status"], string>> = {
  pending: "waits",
  running: "runs",
  completed: "done",
  failed: "did not succeed",
};

export const ToolCard = memo(function ToolCard({ calls }: { calls: readonly ToolCall[] }) {
  return (
    <ul className={classes["card"]} aria-label="Tools">
      {calls.map((call) => (
        <Tool key={call.itemId} call={call} />
      ))}
    </ul>
  );
});

function Tool({ call }: { call: ToolCall }) {
  const [isOpen, setIsOpen] = useState(false);
  const Icon = ICONS[call.kind];
  const hasMore = call.output !== undefined || (call.edits?.length ?? 0) > 0 || call.locations.length > 0;
  const isThought = call.kind === "think";
  return (
    <li className={classes["tool"]} data-testid="tool-call" data-status={call.status}>
      <UnstyledButton
        className={classes["line"] ?? ""}
        aria-expanded={hasMore ? isOpen : undefined}
        disabled={!hasMore}
        onClick={() => setIsOpen((open) => !open)}
      >
        <Icon size={16} stroke={1.7} className={classes["icon"]} aria-hidden="true" />
        <span className={isThought ? classes["thought"] : classes["title"]}>{call.title || "Tool"}</span>
        <Status status={call.status} />
        {hasMore && <IconChevronRight size={15} className={classes["chevron"]} data-open={isOpen} aria-hidden="true" />}
      </UnstyledButton>
      <Collapse expanded={isOpen}>{isOpen && <Details call={call} />}</Collapse>
    </li>
  );
}

function Status({ status }: { status: ToolCall["status"] }) {
  if (status === "running" || status === "pending") {
    return (
      <span className={classes["status"]}>
        <Loader size={13} aria-hidden="true" />
        <span className="visually-hidden">{STATUS_TEXT[status]}</span>
      </span>
    );
  }
  return (
    <span className={classes["status"]} data-status={status}>
      {status === "completed" ? <IconCheck size={15} aria-hidden="true" /> : <IconX size={15} aria-hidden="true" />}
      <span className="visually-hidden">{STATUS_TEXT[status]}</span>
    </span>
  );
}

function Details({ call }: { call: ToolCall }) {
  const shorten = useWorkspacePath();
  return (
    <div className={classes["details"]}>
      {call.locations.length > 0 && (
        <ul className={classes["locations"]} aria-label="Places">
          {call.locations.map(({ path, line }) => (
            <li key={`${path}:${line ?? ""}`} className="mono">
              {shorten(path)}
              {line === undefined ? "" : `:${line}`}
            </li>
          ))}
        </ul>
      )}
      {call.edits?.map((edit) => (
        <EditView key={edit.path} edit={edit} />
      ))}
      {call.output !== undefined && call.output !== "" && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <pre className={classes["output"]} tabIndex={0}>
          {call.output}
        </pre>
      )}
      {call.truncated === true && <p className={classes["cut"]}>Cut: there was more.</p>}
    </div>
  );
}
