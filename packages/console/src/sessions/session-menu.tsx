// What can be done with a session as a whole.
import { ActionIcon, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { SESSION_TITLE_MAX_CHARACTERS, type SessionState, type SessionSummary } from "@muster/contracts";
import { IconArchive, IconArchiveOff, IconDots, IconLogout, IconPencil, IconX } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { flushSync } from "react-dom";
import { useMuster } from "../application/muster.tsx";
import { useAct } from "../shared/administration.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { Dialog } from "../shared/dialog.tsx";
import { TitleForm } from "../shared/title-form.tsx";
import { may } from "./may.ts";

interface SessionMenuProps {
  readonly session: SessionSummary;
  /** True before the hub is asked to close the session or to let the person go, false again where it refuses. */
  readonly onParting: (isParting: boolean) => void;
}

export function SessionMenu({ session, onParting }: SessionMenuProps) {
  const { client } = useMuster();
  const navigate = useNavigate();
  const confirm = useConfirm();
  const { act, isActing } = useAct();
  const [isRenaming, renaming] = useDisclosure(false);
  const { sessionId, title, state, role, isDefault } = session;
  const isOwner = may("sessions.update", role);

  const become = (next: SessionState): Promise<unknown> =>
    act(() => client.api.sessions.update({ sessionId, state: next }));
  const part = async (work: () => Promise<unknown>): Promise<void> => {
    // At once: what was asked about the session and has no answer yet is given up before the hub hears of the parting.
    flushSync(() => onParting(true));
    if ((await act(work)) === null) onParting(false);
    else await navigate({ to: "/sessions" });
  };
  const rename = async (wanted: string): Promise<boolean> =>
    (await act(() => client.api.sessions.update({ sessionId, title: wanted }))) !== null;
  const archive = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Archive “${title}”?`,
      text: "Everything in it can still be read, and nothing begins any more: no turn, no invite, no machine. You can reopen it.",
      action: "Archive",
    });
    if (isSure) await become("archived");
  };
  const close = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Close “${title}” for good?`,
      text: "The session and its threads vanish for everyone, you included, and can't be brought back from here.",
      action: "Close for good",
      isDangerous: true,
    });
    if (isSure) await part(() => client.api.sessions.update({ sessionId, state: "closed" }));
  };
  const leave = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Leave “${title}”?`,
      text: "You no longer see its threads, and your machines are given nothing more in it. An owner can take you in again.",
      action: "Leave",
      isDangerous: true,
    });
    if (isSure) await part(() => client.api.sessions.leave({ sessionId }));
  };

  return (
    <>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <ActionIcon size="lg" aria-label="What can be done with this session" loading={isActing}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {isOwner && (
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={renaming.open}>
              Rename
            </Menu.Item>
          )}
          {isOwner && !isDefault && state === "active" && (
            <Menu.Item leftSection={<IconArchive size={16} />} onClick={() => void archive()}>
              Archive
            </Menu.Item>
          )}
          {isOwner && state === "archived" && (
            <Menu.Item leftSection={<IconArchiveOff size={16} />} onClick={() => void become("active")}>
              Reopen
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
            Leave…
          </Menu.Item>
          {isOwner && !isDefault && (
            <Menu.Item c="var(--negative)" leftSection={<IconX size={16} />} onClick={() => void close()}>
              Close for good…
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Dialog isOpen={isRenaming} onClose={renaming.close} title="Rename the session">
        <TitleForm
          current={title}
          maxCharacters={SESSION_TITLE_MAX_CHARACTERS}
          action="Rename"
          isActing={isActing}
          onSubmit={rename}
          onDone={renaming.close}
        />
      </Dialog>
    </>
  );
}
