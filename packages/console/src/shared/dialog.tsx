// A dialog over the page: its title, a way to close it, and the focus back where it was.
import { Modal, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { holdFocus } from "./return-focus.ts";

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** While it closes it keeps the one that it had. */
  readonly title: string;
  readonly size?: "md" | "lg";
  /** False where a slip of the mouse would lose what is shown only once. */
  readonly closesOnClickOutside?: boolean;
  readonly children: ReactNode;
}

export function Dialog({ isOpen, onClose, title, size = "md", closesOnClickOutside = true, children }: DialogProps) {
  const [wasOpen, setWasOpen] = useState(isOpen);
  const [shownTitle, setShownTitle] = useState(title);
  const [origin, setOrigin] = useState({ returnFocus: () => {} });
  if (isOpen !== wasOpen) {
    setWasOpen(isOpen);
    // Now, because a menu whose item opens the dialog is gone once this is drawn.
    if (isOpen) setOrigin({ returnFocus: holdFocus() });
  }
  if (isOpen && title !== shownTitle) setShownTitle(title);
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      returnFocus={false}
      onExitTransitionEnd={() => origin.returnFocus()}
      title={<Text fw={650}>{shownTitle}</Text>}
      size={size}
      closeOnClickOutside={closesOnClickOutside}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {children}
    </Modal>
  );
}
