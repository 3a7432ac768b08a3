// The sessions of whoever is logged in, and a new one.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { SESSION_TITLE_MAX_CHARACTERS, type SessionSummary } from "@muster/contracts";
import { IconChevronRight, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMuster } from "../application/muster.tsx";
import { LOOKED_AT_EVERY_MS, useAct } from "../shared/administration.ts";
import { Dialog } from "../shared/dialog.tsx";
import { FailureNotice } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, PageHead, Tag } from "../shared/page.tsx";
import { TitleForm } from "../shared/title-form.tsx";
import { A_ROLE_TEXT, may } from "./may.ts";
import classes from "./sessions-page.module.css";
import { sessionsQuery } from "./use-sessions.ts";

export function SessionsPage() {
  const { client } = useMuster();
  const { data, error, refetch } = useQuery({ ...sessionsQuery(client), refetchInterval: LOOKED_AT_EVERY_MS });
  const [isMaking, making] = useDisclosure(false);
  const mayMake = data?.some(({ role }) => may("sessions.create", role)) ?? false;
  return (
    <div className={page["page"]} data-testid="sessions-page">
      <PageHead
        title="Sessions"
        lead="A session is a shared piece of work: its threads, the people who may see them, and the machines that may serve it."
      >
        {mayMake && (
          <Button leftSection={<IconPlus size={17} />} onClick={making.open}>
            New session
          </Button>
        )}
      </PageHead>
      <div className={page["card"]}>
        {data === undefined ? (
          error === null ? (
            <LoadingRows label="Loading the sessions" />
          ) : (
            <FailureNotice error={error} onRetry={() => void refetch()} />
          )
        ) : (
          <ul className={page["list"]}>
            {data.map((session) => (
              <Line key={session.sessionId} session={session} />
            ))}
          </ul>
        )}
      </div>
      <Dialog isOpen={isMaking} onClose={making.close} title="New session">
        <NewSession onDone={making.close} />
      </Dialog>
    </div>
  );
}

function Line({
  session: { sessionId, title, role, state, memberCount, nodeCount, isDefault },
}: {
  session: SessionSummary;
}) {
  return (
    <li>
      <Link
        to="/sessions/$sessionId"
        params={{ sessionId }}
        className={classes["line"]}
        data-testid="session-line"
        data-session-id={sessionId}
      >
        <span className={page["what"]}>
          <span className={page["name"]}>{title}</span>
          <span className={page["detail"]}>
            {count(memberCount, "member")}, {count(nodeCount, "machine")}, you are {A_ROLE_TEXT[role]}
          </span>
        </span>
        {isDefault && <Tag>Default</Tag>}
        {state === "archived" && <Tag tone="warning">Archived</Tag>}
        <IconChevronRight size={16} aria-hidden="true" />
      </Link>
    </li>
  );
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

function NewSession({ onDone }: { onDone: () => void }) {
  const { client } = useMuster();
  const navigate = useNavigate();
  const { act, isActing } = useAct();
  const open = async (title: string): Promise<boolean> => {
    const made = await act(() => client.api.sessions.create({ title }));
    if (made === null) return false;
    void navigate({ to: "/sessions/$sessionId", params: { sessionId: made.answer.sessionId } });
    return true;
  };
  return (
    <TitleForm
      description="You own it, and invite others to it. Nobody else sees its threads."
      maxCharacters={SESSION_TITLE_MAX_CHARACTERS}
      action="Open the session"
      isActing={isActing}
      onSubmit={open}
      onDone={onDone}
    />
  );
}
