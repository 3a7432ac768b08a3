// The sessions of whoever is logged in, and a new one.
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { SESSION_TITLE_MAX_CHARACTERS, type SessionSummary } from "@muster/contracts";
import { IconChevronRight, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { LOOKED_AT_EVERY_MS, useAct } from "../shared/administration.ts";
import { FailureNotice } from "../shared/failure.tsx";
import page from "../shared/page.module.css";
import { LoadingRows, PageHead, Tag } from "../shared/page.tsx";
import { may, ROLE_TEXT } from "./may.ts";
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
      <Modal
        opened={isMaking}
        onClose={making.close}
        title={<Text fw={650}>New session</Text>}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <NewSession onDone={making.close} />
      </Modal>
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
            {count(memberCount, "member")}, {count(nodeCount, "machine")}, you are {ROLE_TEXT[role].toLowerCase()}
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
  const [title, setTitle] = useState("");
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (title.trim() === "") return;
    const made = await act(() => client.api.sessions.create({ title: title.trim() }));
    if (made === null) return;
    onDone();
    await navigate({ to: "/sessions/$sessionId", params: { sessionId: made.answer.sessionId } });
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        <TextInput
          label="Title"
          description="You own it, and invite others to it. Nobody else sees its threads."
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
          maxLength={SESSION_TITLE_MAX_CHARACTERS}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={isActing} disabled={title.trim() === ""}>
            Open the session
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
