// A drawer from the right over most of the page, over all of a phone: a list on its left, what is chosen on its right, and on
// a phone one after the other.
import { Drawer } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { ReactNode } from "react";
import classes from "./side-drawer.module.css";

/** True where list and chosen thing have no room side by side. */
export const useIsNarrow = (): boolean => useMediaQuery("(max-width: 800px)") ?? false;

interface SideDrawerProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly label: string;
  readonly title: string;
  /** Beside the title. */
  readonly head: ReactNode;
  readonly closeLabel: string;
  readonly children: ReactNode;
}

export function SideDrawer({ isOpen, onClose, label, title, head, closeLabel, children }: SideDrawerProps) {
  const isNarrow = useIsNarrow();
  return (
    <Drawer.Root
      opened={isOpen}
      onClose={onClose}
      position="right"
      size={isNarrow ? "100%" : "86%"}
      classNames={{ content: classes["drawer"] ?? "", header: classes["header"] ?? "", title: classes["title"] ?? "" }}
    >
      <Drawer.Overlay backgroundOpacity={0.4} />
      <Drawer.Content aria-label={label}>
        <Drawer.Header>
          <Drawer.Title>{title}</Drawer.Title>
          <div className={classes["head"]}>{head}</div>
          <Drawer.CloseButton aria-label={closeLabel} ml={0} />
        </Drawer.Header>
        {children}
      </Drawer.Content>
    </Drawer.Root>
  );
}

/** The list and what is chosen in it. */
export const SideBySide = ({ children }: { children: ReactNode }) => (
  <div className={classes["body"]} data-narrow={useIsNarrow()}>
    {children}
  </div>
);

export const SideList = ({
  label,
  isHidden = false,
  children,
}: {
  label: string;
  isHidden?: boolean;
  children: ReactNode;
}) => (
  <nav className={classes["list"]} aria-label={label} hidden={isHidden}>
    {children}
  </nav>
);
