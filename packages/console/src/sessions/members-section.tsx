// Who belongs to a session: role, state and machines of each. Owners change roles, suspend, restore and remove.
import { ActionIcon, Button, Menu, NativeSelect, UnstyledButton } from "@mantine/core";
import type { Role, SessionMember, SessionSummary } from "@muster/contracts";
import {
  IconChevronRight,
  IconDots,
  IconPlayerPause,
  IconPlayerPlay,
  IconUserMinus,
  IconUserPlus,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { useMe } from "../application/session.tsx";
import { InviteDialog, type InviteRequest } from "../invites/invite-dialog.tsx";
import { useAct } from "../shared/administration.ts";
import { useConfirm } from "../shared/confirm.tsx";
import { FailureNotice } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, Section, Tag } from "../shared/page.tsx";
import { nodeName } from "../threads/thread-choices.ts";
import { A_ROLE_TEXT, may, ROLE_TEXT, ROLES } from "./may.ts";
import { isFixed, sortMembers } from "./members.ts";
import classes from "./members-section.module.css";
import { membersQuery } from "./use-sessions.ts";

/** What stands below on the page stays within reach. */
const SHOWN_FIRST = 30;

export function MembersSection({ session }: { session: SessionSummary }) {
  const { client } = useMuster();
  const { sessionId, role } = session;
  const [request, setRequest] = useState<InviteRequest | null>(null);
  const [areAllShown, setAreAllShown] = useState(false);
  const [areRemovedShown, setAreRemovedShown] = useState(false);
  const { data, error, refetch } = useQuery(membersQuery(client, sessionId));
  const mayInvite = may("invites.create", role) && session.state === "active";
  const { here, removed } = sortMembers(data ?? []);
  return (
    <Section
      title="Members"
      action={
        mayInvite && (
          <Button size="xs" onClick={() => setRequest({ purpose: "person", sessions: [session] })}>
            Invite someone
          </Button>
        )
      }
    >
      {data === undefined ? (
        error === null ? (
          <LoadingRows label="Loading the members" />
        ) : (
          <FailureNotice error={error} onRetry={() => void refetch()} />
        )
      ) : (
        <ul className={page["list"]}>
          {(areAllShown ? here : here.slice(0, SHOWN_FIRST)).map((member) => (
            <Member key={member.participantId} member={member} session={session} />
          ))}
          {!areAllShown && here.length > SHOWN_FIRST && (
            <li className={classes["more"]}>
              <UnstyledButton className={classes["moreButton"] ?? ""} onClick={() => setAreAllShown(true)}>
                <IconChevronRight size={15} aria-hidden="true" />
                Show all {here.length} members
              </UnstyledButton>
            </li>
          )}
          {removed.length > 0 && (
            <li className={classes["more"]}>
              <UnstyledButton
                className={classes["moreButton"] ?? ""}
                aria-expanded={areRemovedShown}
                onClick={() => setAreRemovedShown((isShown) => !isShown)}
              >
                <IconChevronRight size={15} aria-hidden="true" />
                {removed.length} removed
              </UnstyledButton>
            </li>
          )}
          {areRemovedShown &&
            removed.map((member) => <Member key={member.participantId} member={member} session={session} />)}
        </ul>
      )}
      <InviteDialog request={request} onClose={() => setRequest(null)} />
    </Section>
  );
}

function Member({ member, session }: { member: SessionMember; session: SessionSummary }) {
  const me = useMe();
  const { participantId, displayName, role, state, kind } = member;
  const isSelf = participantId === me.principalId;
  const mayChange = may("sessions.setMember", session.role) && !isFixed(member);
  return (
    <li className={page["item"]} data-testid="member" data-state={state} data-role={role}>
      <span className={page["what"]}>
        <span className={page["name"]}>
          {displayName}
          {isSelf && <span className={classes["self"]}> (you)</span>}
        </span>
        {kind === "service" ? (
          <span className={page["detail"]}>
            The <span className="mono">muster</span> command on the hub&rsquo;s machine: the way in for whoever runs the
            hub
          </span>
        ) : (
          <Machines member={member} />
        )}
      </span>
      {state === "suspended" && <Tag tone="warning">Suspended</Tag>}
      {state === "pending" && <Tag>Pending</Tag>}
      {state === "revoked" && <Tag tone="bad">Removed</Tag>}
      {mayChange && state !== "revoked" ? (
        <RoleSelect member={member} session={session} isSelf={isSelf} />
      ) : (
        <span className={classes["role"]}>{ROLE_TEXT[role]}</span>
      )}
      {mayChange && !isSelf && <MemberMenu member={member} session={session} />}
      {mayChange && isSelf && <span className={classes["noMenu"]} />}
    </li>
  );
}

function Machines({ member: { nodeIds, kind } }: { member: SessionMember }) {
  const nodes = useNodes() ?? [];
  const names = nodeIds.map((nodeId) => {
    const node = nodes.find((candidate) => candidate.nodeId === nodeId);
    return node === undefined ? nodeId : nodeName(node);
  });
  return (
    <span className={page["detail"]}>
      {kind === "agent" && "Agent. "}
      {names.length === 0 ? (
        "No machine"
      ) : (
        <Link to="/fleet" className={classes["machines"]}>
          {names.slice(0, 3).join(", ")}
          {names.length > 3 && ` and ${names.length - 3} more`}
        </Link>
      )}
    </span>
  );
}

function RoleSelect({ member, session, isSelf }: { member: SessionMember; session: SessionSummary; isSelf: boolean }) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const confirm = useConfirm();
  const [wanted, setWanted] = useState<Role | null>(null);
  const { participantId, displayName, role } = member;
  const change = async (next: Role): Promise<void> => {
    setWanted(next);
    const isSure =
      !isSelf ||
      (await confirm({
        title: "Give up your own role?",
        text: `You become ${A_ROLE_TEXT[next]} of this session, and only another owner can change that back.`,
        action: "Change my role",
        isDangerous: true,
      }));
    if (isSure)
      await act(() => client.api.sessions.setMember({ sessionId: session.sessionId, participantId, role: next }));
    setWanted(null);
  };
  return (
    <NativeSelect
      size="xs"
      className={classes["roleSelect"] ?? ""}
      aria-label={`Role of ${displayName}`}
      value={wanted ?? role}
      disabled={isActing}
      onChange={(event) => void change(event.currentTarget.value as Role)}
      data={ROLES.map((value) => ({ value, label: ROLE_TEXT[value] }))}
    />
  );
}

function MemberMenu({ member, session }: { member: SessionMember; session: SessionSummary }) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const confirm = useConfirm();
  const { participantId, displayName, state } = member;
  const become = (next: "active" | "suspended" | "revoked"): Promise<unknown> =>
    act(() => client.api.sessions.setMember({ sessionId: session.sessionId, participantId, state: next }));
  const suspend = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Suspend ${displayName}?`,
      text: "They see nothing of this session until they are restored, and their machines are given nothing new.",
      action: "Suspend",
    });
    if (isSure) await become("suspended");
  };
  const remove = async (): Promise<void> => {
    const isSure = await confirm({
      title: `Remove ${displayName}?`,
      text: "They no longer belong to this session, and their machines are given nothing more in it. You can take them in again.",
      action: "Remove",
      isDangerous: true,
    });
    if (isSure) await become("revoked");
  };
  return (
    <Menu position="bottom-end" width={210}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label={`What can be done with ${displayName}`} loading={isActing}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {state === "active" && (
          <Menu.Item leftSection={<IconPlayerPause size={16} />} onClick={() => void suspend()}>
            Suspend
          </Menu.Item>
        )}
        {(state === "suspended" || state === "pending") && (
          <Menu.Item leftSection={<IconPlayerPlay size={16} />} onClick={() => void become("active")}>
            {state === "pending" ? "Take in" : "Restore"}
          </Menu.Item>
        )}
        {state === "revoked" ? (
          <Menu.Item leftSection={<IconUserPlus size={16} />} onClick={() => void become("active")}>
            Take in again
          </Menu.Item>
        ) : (
          <Menu.Item c="var(--negative)" leftSection={<IconUserMinus size={16} />} onClick={() => void remove()}>
            Remove
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
