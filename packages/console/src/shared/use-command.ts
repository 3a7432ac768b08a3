// Sends a command and tells of its failure; trying again repeats it with the same ids, so it runs at most once.
import type { NewCommand } from "@muster/client";
import { useCallback, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { notifyFailure } from "./failure.tsx";

export interface CommandRunner {
  /** True when it was accepted. A failure has been shown to the person by then. */
  readonly run: (command: NewCommand) => Promise<boolean>;
  readonly isRunning: boolean;
}

export function useCommand(): CommandRunner {
  const { client } = useMuster();
  const [running, setRunning] = useState(0);
  const run = useCallback(
    async (command: NewCommand): Promise<boolean> => {
      setRunning((count) => count + 1);
      const filled = { ...command, commandId: command.commandId ?? client.ids.next() };
      try {
        await client.dispatch(filled);
        return true;
      } catch (error) {
        notifyFailure(error, () => void run(filled));
        return false;
      } finally {
        setRunning((count) => count - 1);
      }
    },
    [client],
  );
  return { run, isRunning: running > 0 };
}
