// The end of a form in a dialog: away from it, or on with it.
import { Button, Group } from "@mantine/core";

interface FormButtonsProps {
  readonly onCancel: () => void;
  /** What the button says that sends the form. */
  readonly action: string;
  readonly isActing: boolean;
  readonly isDisabled?: boolean;
  /** It has the focus when the dialog opens: everything else is chosen already. */
  readonly isFocused?: boolean;
}

export const FormButtons = ({
  onCancel,
  action,
  isActing,
  isDisabled = false,
  isFocused = false,
}: FormButtonsProps) => (
  <Group justify="flex-end">
    <Button variant="default" onClick={onCancel}>
      Cancel
    </Button>
    <Button type="submit" loading={isActing} disabled={isDisabled} {...(isFocused ? { "data-autofocus": true } : {})}>
      {action}
    </Button>
  </Group>
);
