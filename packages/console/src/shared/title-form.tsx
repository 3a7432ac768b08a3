// Asks for one title: of something new, or another one for what has one.
import { Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { FormButtons } from "./form-buttons.tsx";

interface TitleFormProps {
  /** What it is called now; empty for something new. */
  readonly current?: string;
  readonly description?: string;
  readonly maxCharacters: number;
  /** What the button says. */
  readonly action: string;
  readonly isActing: boolean;
  /** Resolves with true when it was done. Not asked for the title that it has. */
  readonly onSubmit: (title: string) => Promise<boolean>;
  readonly onDone: () => void;
}

export function TitleForm(props: TitleFormProps) {
  const { current = "", description, maxCharacters, action, isActing, onSubmit, onDone } = props;
  const [typed, setTyped] = useState(current);
  const title = typed.trim();
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (title !== "" && (title === current || (await onSubmit(title)))) onDone();
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        <TextInput
          label="Title"
          description={description}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          maxLength={maxCharacters}
          data-autofocus
        />
        <FormButtons action={action} isActing={isActing} isDisabled={title === ""} onCancel={onDone} />
      </Stack>
    </form>
  );
}
