// The question that blocks the turn, above the composer so that it is never scrolled away. Its keys work while it has the
// focus, which it takes when it appears and nobody is typing; Escape in the composer goes to it.
import { Button, Kbd } from "@mantine/core";
import type { ApprovalDecision, ApprovalRow } from "@muster/contracts";
import { IconHelpCircleFilled } from "@tabler/icons-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useCommand } from "../shared/use-command.ts";
import { useWorkspacePath } from "../shared/workspace-path.tsx";
import { EditView } from "../timeline/edit-view.tsx";
import classes from "./approval-panel.module.css";

const KEYS: Readonly<Record<string, ApprovalDecision>> = { a: "accept", s: "acceptForSession", d: "decline" };

const KIND_TEXT: Readonly<Record<ApprovalRow["payload"]["kind"], string>> = {
  command: "The agent wants to run a command",
  edit: "The agent wants to change a file",
  read: "The agent wants to read something",
  other: "The agent asks for permission",
};

interface ApprovalPanelProps {
  readonly approval: ApprovalRow;
  readonly waitingCount: number;
  readonly mayAnswer: boolean;
}

export function ApprovalPanel({ approval, waitingCount, mayAnswer }: ApprovalPanelProps) {
  const { run } = useCommand();
  const shorten = useWorkspacePath();
  const panel = useRef<HTMLElement>(null);
  const [answered, setAnswered] = useState<ApprovalDecision | null>(null);
  const { requestId, threadId, payload } = approval;
  const offers = (decision: ApprovalDecision): boolean =>
    payload.options.some((option) => option.decision === decision);

  useEffect(() => {
    const { activeElement } = document;
    const isFree = activeElement === null || activeElement === document.body || activeElement.id === "main";
    if (isFree || activeElement.matches("[data-timeline]")) panel.current?.focus();
  }, []);

  const answer = async (decision: ApprovalDecision): Promise<void> => {
    if (answered !== null || !mayAnswer) return;
    // The panel goes away with its answer; whoever was in it goes on in the timeline.
    if (panel.current?.contains(document.activeElement) === true) {
      document.querySelector<HTMLElement>("[data-timeline]")?.focus({ preventScroll: true });
    }
    setAnswered(decision);
    if (!(await run({ type: "thread.approval.respond", threadId, requestId, decision }))) setAnswered(null);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const decision = KEYS[event.key.toLowerCase()];
    if (
      decision === undefined ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      !(offers(decision) || decision === "decline")
    )
      return;
    event.preventDefault();
    void answer(decision);
  };

  return (
    <section
      ref={panel}
      className={classes["panel"]}
      aria-label="Approval"
      tabIndex={-1}
      onKeyDown={onKeyDown}
      data-testid="approval-card"
      data-approval-panel
    >
      <header className={classes["header"]}>
        <IconHelpCircleFilled size={18} aria-hidden="true" />
        <span>{KIND_TEXT[payload.kind]}</span>
        {waitingCount > 1 && <span className={classes["more"]}>1 of {waitingCount}</span>}
      </header>
      <p className={classes["what"]}>{payload.title}</p>
      {payload.tool?.edits?.map((edit) => (
        <EditView key={edit.path} edit={edit} />
      ))}
      {payload.tool?.locations.length !== 0 && payload.tool?.edits === undefined && (
        <p className={classes["where"]}>{payload.tool?.locations.map(({ path }) => shorten(path)).join(", ")}</p>
      )}
      {mayAnswer && (
        <div className={classes["buttons"]}>
          <Button
            size="sm"
            loading={answered === "accept"}
            disabled={answered !== null}
            onClick={() => void answer("accept")}
            rightSection={<Key>A</Key>}
            data-testid="approve-accept"
          >
            Allow
          </Button>
          {offers("acceptForSession") && (
            <Button
              size="sm"
              variant="default"
              loading={answered === "acceptForSession"}
              disabled={answered !== null}
              onClick={() => void answer("acceptForSession")}
              rightSection={<Key>S</Key>}
              data-testid="approve-session"
            >
              Allow for session
            </Button>
          )}
          <Button
            size="sm"
            variant="default"
            loading={answered === "decline"}
            disabled={answered !== null}
            onClick={() => void answer("decline")}
            rightSection={<Key>D</Key>}
            data-testid="approve-decline"
          >
            Decline
          </Button>
          <Button
            size="sm"
            variant="subtle"
            color="red"
            loading={answered === "cancel"}
            disabled={answered !== null}
            onClick={() => void answer("cancel")}
            className={classes["cancel"] ?? ""}
            data-testid="approve-cancel"
          >
            Cancel turn
          </Button>
        </div>
      )}
    </section>
  );
}

function Key({ children }: { children: string }) {
  return (
    <Kbd size="xs" className={classes["key"] ?? ""} aria-hidden="true">
      {children}
    </Kbd>
  );
}
