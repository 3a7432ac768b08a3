// Asks before something that can't be taken back. The question stands over the page; the focus goes back to where it was.
import { Button, Group, Stack, Text } from "@mantine/core";
import { createContext, type ReactNode, use, useCallback, useMemo, useState } from "react";
import { Dialog } from "./dialog.tsx";

export interface Question {
  readonly title: string;
  readonly text: ReactNode;
  /** What the button says that does it. */
  readonly action: string;
  readonly isDangerous?: boolean;
}

type Ask = (question: Question) => Promise<boolean>;

const ConfirmContext = createContext<Ask>(() => Promise.resolve(false));

/** Resolves with true when the person said yes. */
export const useConfirm = (): Ask => use(ConfirmContext);

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const [answer, setAnswer] = useState<{ tell: (isYes: boolean) => void } | null>(null);
  const ask = useCallback<Ask>((asked) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    setQuestion(asked);
    setAnswer({ tell: resolve });
    return promise;
  }, []);
  const settle = (isYes: boolean): void => {
    answer?.tell(isYes);
    setAnswer(null);
  };
  return (
    <ConfirmContext value={useMemo(() => ask, [ask])}>
      {children}
      <Dialog isOpen={answer !== null} onClose={() => settle(false)} title={question?.title ?? ""}>
        <Stack data-testid="confirm">
          <Text size="sm" component="div">
            {question?.text}
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => settle(false)} data-autofocus>
              Cancel
            </Button>
            <Button {...(question?.isDangerous === true ? { color: "red.9" } : {})} onClick={() => settle(true)}>
              {question?.action}
            </Button>
          </Group>
        </Stack>
      </Dialog>
    </ConfirmContext>
  );
}
