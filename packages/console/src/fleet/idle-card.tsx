// One machine of one's own that is in no session, and the way back to work: its owner attaches it to a session where they
// may bring machines, or takes it first from one that they are not in any more.
import { Button, Menu } from "@mantine/core";
import { type NodeInNoSession, type SessionId, UNKNOWN_CLIENT_VERSION } from "@muster/contracts";
import { IconChevronDown, IconPlugConnected } from "@tabler/icons-react";
import { memo } from "react";
import { useMuster } from "../application/muster.tsx";
import { useSessions } from "../sessions/use-sessions.ts";
import { useAct } from "../shared/administration.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import { Agents } from "./agents.tsx";
import { homesFor } from "./machine-actions.tsx";
import classes from "./machine-card.module.css";
import { type FaceProps, KnownAs, Liveness, MachineFace, MarkLine } from "./machine-face.tsx";
import { machineKey } from "./machines.ts";
import { inNoSession } from "./standing.ts";

interface IdleCardProps extends FaceProps {
  readonly node: NodeInNoSession;
  /** Told the key under which it will stand in the list. */
  readonly onAttaching: (key: string) => void;
}

export const IdleCard = memo(function IdleCard({ node, onAttaching, ...face }: IdleCardProps) {
  const { client } = useMuster();
  const sessions = useSessions();
  const confirm = useConfirm();
  const { act, isActing } = useAct();
  const { nodeId, capabilities, isElsewhere } = node;
  const name = nodeName(node);
  const homes = homesFor(sessions ?? []);
  const clientVersion = node.clientVersion ?? UNKNOWN_CLIENT_VERSION;

  const attach = async (sessionId: SessionId): Promise<void> => {
    const declared = { nodeId, sessionId, clientVersion, capabilities, healthState: "online" } as const;
    onAttaching(machineKey({ nodeId, sessionId }));
    await act(() => client.api.runtimeNode.attach(declared));
  };
  const detach = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Detach ${name}?`,
      text: "It gives its slot back there: turns that run on it end, and no new ones are given to it. Then you can attach it to a session of yours.",
      action: "Detach",
    });
    if (isSure) await act(() => client.api.runtimeNode.detach({ nodeId }));
  };

  return (
    <article className={classes["card"]} aria-label={name} data-testid="idle-machine" data-node-id={nodeId}>
      <div className={classes["top"]}>
        <MachineFace node={node} {...face} />
        <Liveness health={node.health} />
        {isElsewhere ? (
          <Button
            className={classes["lend"] ?? ""}
            variant="default"
            loading={isActing}
            aria-label={`Detach ${name}`}
            onClick={() => void detach()}
          >
            Detach
          </Button>
        ) : (
          homes.length > 0 && (
            <Menu position="bottom-end" width={240}>
              <Menu.Target>
                <Button
                  className={classes["lend"] ?? ""}
                  variant="default"
                  loading={isActing}
                  leftSection={<IconPlugConnected size={16} />}
                  rightSection={<IconChevronDown size={15} />}
                  aria-label={`Attach ${name}`}
                >
                  Attach
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {homes.map(({ sessionId, title }) => (
                  <Menu.Item key={sessionId} onClick={() => void attach(sessionId)}>
                    To “{title}”
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          )
        )}
      </div>
      {sessions !== null && <MarkLine mark={inNoSession(node, homes.length > 0)} />}
      <Agents providers={capabilities.providers ?? []} isOpen={face.isOpen} canWork={false} />
      {face.isOpen && <KnownAs node={node} />}
    </article>
  );
});
