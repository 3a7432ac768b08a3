// Turns that wait for the running one, the next first; each can be taken back.
import { ActionIcon, Tooltip } from "@mantine/core";
import type { MessageRow, TurnRow } from "@muster/contracts";
import { IconClock, IconX } from "@tabler/icons-react";
import { useCommand } from "../shared/use-command.ts";
import classes from "./queued-turns.module.css";

interface QueuedTurnsProps {
  readonly turns: readonly TurnRow[];
  readonly messages: readonly MessageRow[];
  readonly mayCancel: boolean;
}

export function QueuedTurns({ turns, messages, mayCancel }: QueuedTurnsProps) {
  const { run, isRunning } = useCommand();
  return (
    <ul className={classes["list"]} aria-label="Waiting turns" data-testid="queued-turns">
      {turns.map(({ turnId, threadId, userMessageId }) => (
        <li key={turnId} className={classes["turn"]} data-testid="queued-turn">
          <IconClock size={15} aria-hidden="true" />
          <span className={classes["text"]}>
            {messages.find(({ messageId }) => messageId === userMessageId)?.text ?? "Waiting"}
          </span>
          {mayCancel && (
            <Tooltip label="Take it back">
              <ActionIcon
                size="sm"
                aria-label="Take this turn back"
                disabled={isRunning}
                onClick={() => void run({ type: "thread.turn.cancel-queued", threadId, turnId })}
              >
                <IconX size={15} />
              </ActionIcon>
            </Tooltip>
          )}
        </li>
      ))}
    </ul>
  );
}
