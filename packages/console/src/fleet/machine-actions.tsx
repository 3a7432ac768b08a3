// What the person who looks may do with one machine: its owner detaches and attaches it, an owner of the session revokes
// it. Who may do nothing is shown no button.
import { ActionIcon, Menu } from "@mantine/core";
import type { NodeSummary, SessionSummary } from "@muster/contracts";
import { IconBan, IconDots, IconPlugConnected, IconPlugConnectedX } from "@tabler/icons-react";
import { useMuster } from "../application/muster.tsx";
import { useMe } from "../application/session.tsx";
import { may } from "../sessions/may.ts";
import { roleIn, useSessions } from "../sessions/use-sessions.ts";
import { useAct } from "../shared/administration.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import classes from "./machine-actions.module.css";
import { hasSlot } from "./machines.ts";

export function MachineActions({ node }: { node: NodeSummary }) {
  const { client } = useMuster();
  const me = useMe();
  const sessions = useSessions();
  const confirm = useConfirm();
  const { act, isActing } = useAct();
  const { nodeId, sessionId, capabilities, clientVersion } = node;
  const name = nodeName(node);
  const isOwn = node.ownerId === me.principalId;
  const canRevoke = node.state !== "revoked" && may("runtimeNode.revoke", roleIn(sessions, sessionId));
  const homes = isOwn && !hasSlot(node) ? homesOf(node, sessions ?? []) : [];
  const canDetach = isOwn && hasSlot(node);
  if (!canRevoke && !canDetach && homes.length === 0) return null;

  const attach = (home: SessionSummary): void => {
    const declared = { nodeId, sessionId: home.sessionId, clientVersion, capabilities, healthState: "online" } as const;
    void act(() => client.api.runtimeNode.attach(declared));
  };
  const detach = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Detach ${name}?`,
      text: "It gives its slot back: turns that run on it end, and no new ones are given to it. You can attach it again.",
      action: "Detach",
    });
    if (isSure) await act(() => client.api.runtimeNode.detach({ nodeId }));
  };
  const revoke = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Revoke ${name} for good?`,
      text: "The machine is shut out of this session at once and for good: turns that run on it end, and neither you nor its owner can attach it here again.",
      action: "Revoke for good",
      isDangerous: true,
    });
    if (isSure) await act(() => client.api.runtimeNode.revoke({ nodeId, sessionId }));
  };

  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon
          size="lg"
          aria-label={`What can be done with ${name}`}
          loading={isActing}
          className={classes["button"] ?? ""}
        >
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {canDetach && (
          <Menu.Item leftSection={<IconPlugConnectedX size={16} />} onClick={() => void detach()}>
            Detach
          </Menu.Item>
        )}
        {homes.map((home) => (
          <Menu.Item key={home.sessionId} leftSection={<IconPlugConnected size={16} />} onClick={() => attach(home)}>
            {home.sessionId === sessionId ? "Attach again" : `Attach to “${home.title}”`}
          </Menu.Item>
        ))}
        {canRevoke && (
          <Menu.Item c="var(--negative)" leftSection={<IconBan size={16} />} onClick={() => void revoke()}>
            Revoke for good…
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Where who looks may attach machines of theirs. */
export const homesFor = (sessions: readonly SessionSummary[]): SessionSummary[] =>
  sessions.filter((session) => session.state === "active" && may("runtimeNode.attach", session.role));

/** Where it may be attached by who looks, its own session first; one that revoked it is left out. */
const homesOf = ({ sessionId, state }: NodeSummary, sessions: readonly SessionSummary[]): SessionSummary[] =>
  homesFor(sessions)
    .filter((session) => state !== "revoked" || session.sessionId !== sessionId)
    .sort((first, second) => Number(second.sessionId === sessionId) - Number(first.sessionId === sessionId));
