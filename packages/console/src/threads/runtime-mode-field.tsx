// How freely an agent may act in a thread.
import { Radio, Stack } from "@mantine/core";
import type { RuntimeMode } from "@muster/contracts";
import classes from "./runtime-mode-field.module.css";

export const RUNTIME_MODES: readonly {
  readonly value: RuntimeMode;
  readonly label: string;
  readonly description: string;
}[] = [
  { value: "approval-required", label: "Ask first", description: "Every edit and command waits for your answer." },
  {
    value: "auto-accept-edits",
    label: "Edit freely",
    description: "Edits inside the folder go through; commands wait for your answer.",
  },
  {
    value: "full-access",
    label: "Full access",
    description: "Nothing waits. Only for folders and machines you can afford to lose.",
  },
];

export const runtimeModeLabel = (mode: RuntimeMode): string =>
  RUNTIME_MODES.find(({ value }) => value === mode)?.label ?? mode;

export function RuntimeModeField({ value, onChange }: { value: RuntimeMode; onChange: (mode: RuntimeMode) => void }) {
  return (
    <Radio.Group label="Permissions" value={value} onChange={(chosen) => onChange(chosen as RuntimeMode)}>
      <Stack gap={8} mt={6}>
        {RUNTIME_MODES.map((mode) => (
          <Radio.Card
            key={mode.value}
            value={mode.value}
            radius="md"
            className={classes["card"] ?? ""}
            aria-label={`${mode.label}: ${mode.description}`}
          >
            <Radio.Indicator />
            <span>
              <span className={classes["label"]}>{mode.label}</span>
              <span className={classes["description"]}>{mode.description}</span>
            </span>
          </Radio.Card>
        ))}
      </Stack>
    </Radio.Group>
  );
}
