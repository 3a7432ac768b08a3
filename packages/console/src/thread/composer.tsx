// Where a turn is asked for. Enter sends, Shift+Enter makes a new line; while a turn runs, what is sent waits its turn.
// Escape moves between the page and the composer, and to a question that waits.
import { ActionIcon, Button, Textarea, Tooltip } from "@mantine/core";
import {
  MESSAGE_TEXT_MAX_CHARACTERS,
  type MessageId,
  type ThreadId,
  type TurnId,
  type TurnRow,
} from "@muster/contracts";
import { IconArrowUp, IconPlayerStopFilled } from "@tabler/icons-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import type { Mark } from "../fleet/standing.ts";
import { useCommand } from "../shared/use-command.ts";
import classes from "./composer.module.css";
import { readDraft, writeDraft } from "./drafts.ts";

export function Composer({
  threadId,
  running,
  isArchived,
  obstacle,
}: {
  threadId: ThreadId;
  running: TurnRow | null;
  isArchived: boolean;
  /** Why nothing can be asked for now. */
  obstacle: Mark | null;
}) {
  const { client } = useMuster();
  const { run, isRunning: isSending } = useCommand();
  const interruption = useCommand();
  const input = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => readDraft(threadId));
  const isBusy = running !== null;
  const isClosed = isArchived || obstacle !== null;
  const canSend = text.trim() !== "" && !isClosed && text.length <= MESSAGE_TEXT_MAX_CHARACTERS;

  useEffect(() => writeDraft(threadId, text), [threadId, text]);
  useEffect(() => {
    // A touch screen would bring up its keyboard over the thread that was to be read.
    if (window.matchMedia("(hover: hover)").matches) input.current?.focus();
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented || closesSomething(event)) return;
      if (document.activeElement !== input.current) input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const send = async (): Promise<void> => {
    if (!canSend) return;
    setText("");
    const isSent = await run({
      type: "thread.turn.start",
      threadId,
      turnId: client.ids.next() as TurnId,
      message: { messageId: client.ids.next() as MessageId, role: "user", text: text.trim() },
      whenBusy: "queue",
    });
    if (!isSent) setText((typed) => (typed === "" ? text : typed));
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void send();
    } else if (event.key === "Escape") {
      event.preventDefault();
      const panel = document.querySelector<HTMLElement>("[data-approval-panel]");
      if (panel === null) input.current?.blur();
      else panel.focus();
    }
  };

  return (
    <div className={classes["composer"]} data-busy={isBusy}>
      <Textarea
        ref={input}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        autosize
        minRows={1}
        maxRows={12}
        variant="unstyled"
        disabled={isClosed}
        aria-label="Message to the agent"
        placeholder={
          isArchived
            ? "This thread is archived."
            : obstacle !== null
              ? "Nothing can be asked for here now."
              : isBusy
                ? "Ask for what comes next…"
                : "Ask the agent to do something…"
        }
        error={text.length > MESSAGE_TEXT_MAX_CHARACTERS ? "That is too long; put it into a file." : null}
        data-testid="composer-input"
      />
      <div className={classes["bar"]}>
        <span className={classes["hint"]}>
          {isClosed
            ? ""
            : isBusy
              ? "Enter queues it behind the running turn"
              : "Enter sends, Shift+Enter starts a new line"}
        </span>
        {isBusy && obstacle?.kind !== "viewer" && (
          <Button
            size="compact-md"
            variant="default"
            className={classes["stop"] ?? ""}
            leftSection={<IconPlayerStopFilled size={14} />}
            loading={interruption.isRunning}
            onClick={() => void interruption.run({ type: "thread.turn.interrupt", threadId, turnId: running.turnId })}
            data-testid="interrupt"
          >
            Stop
          </Button>
        )}
        <Tooltip label={isBusy ? "Queue it" : "Send"}>
          <ActionIcon
            size={34}
            radius="xl"
            variant="filled"
            color="accent"
            aria-label={isBusy ? "Queue the message" : "Send the message"}
            disabled={!canSend}
            loading={isSending}
            onClick={() => void send()}
            data-testid="composer-send"
          >
            <IconArrowUp size={19} stroke={2.2} />
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

/** What the key closes may be gone from the page by now; the way that the event took still tells of it. */
const closesSomething = (event: Event): boolean =>
  document.querySelector("[role=dialog]") !== null ||
  event.composedPath().some((part) => part instanceof Element && part.matches("[role=dialog], [role=menu]"));
