// Home: what needs a person now, what runs, and the first steps where there is nothing yet.
import { Button, Code, Group, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { NodeSummary, ProjectRow, ThreadSummary } from "@muster/contracts";
import { IconChevronRight, IconFolderPlus, IconMessagePlus, IconServerOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useNodes, useOverview } from "../application/muster.tsx";
import { hasSlot, machineKey } from "../fleet/machines.ts";
import { AddProjectForm } from "../projects/add-project-form.tsx";
import { useSessions } from "../sessions/use-sessions.ts";
import { CopyButton } from "../shared/copy-button.tsx";
import { RelativeTime } from "../shared/time.tsx";
import { useNewThread } from "../threads/new-thread-context.tsx";
import { StateDot } from "../threads/state-dot.tsx";
import { mayWorkIn, nodeName } from "../threads/thread-choices.ts";
import { THREAD_STATE_TEXT, threadState } from "../threads/thread-state.ts";
import classes from "./home-page.module.css";

const RECENT_MAX = 8;

export function HomePage() {
  const { isLoaded, projects, threads } = useOverview();
  const nodes = useNodes();
  return (
    <div className={classes["page"]}>
      <Title order={1} size="h2" mb="lg">
        Home
      </Title>
      {!isLoaded ? (
        <Loading />
      ) : projects.length === 0 ? (
        <FirstProject />
      ) : threads.length === 0 ? (
        <FirstThread projects={projects} />
      ) : (
        <Fleet projects={projects} threads={threads} nodes={nodes ?? []} />
      )}
    </div>
  );
}

function Fleet({
  projects,
  threads,
  nodes,
}: {
  projects: readonly ProjectRow[];
  threads: readonly ThreadSummary[];
  nodes: readonly NodeSummary[];
}) {
  const title = (thread: ThreadSummary): string =>
    projects.find(({ projectId }) => projectId === thread.projectId)?.title ?? "";
  const states = threads.map((thread) => ({ thread, state: threadState(thread) }));
  const needsYou = states.filter(({ state }) => state === "waiting" || state === "failed");
  const working = states.filter(({ state }) => state === "running");
  const recent = states.filter(({ state }) => state === "idle").slice(0, RECENT_MAX);
  const away = nodes.filter((node) => hasSlot(node) && node.health === "offline");
  return (
    <Stack gap="xl">
      <Section title="Needs you">
        {needsYou.length + away.length === 0 ? (
          <p className={classes["nothing"]}>Nothing. Your agents get along.</p>
        ) : (
          <>
            {needsYou.map(({ thread }) => (
              <ThreadLine key={thread.threadId} thread={thread} project={title(thread)} />
            ))}
            {away.map((node) => (
              <Link key={machineKey(node)} to="/fleet" className={classes["line"]}>
                <IconServerOff size={16} color="var(--negative)" aria-hidden="true" />
                <span className={classes["lineTitle"]}>{nodeName(node)}</span>
                <span className={classes["lineDetail"]}>Machine offline</span>
                <IconChevronRight size={16} aria-hidden="true" />
              </Link>
            ))}
          </>
        )}
      </Section>
      {working.length > 0 && (
        <Section title="Working">
          {working.map(({ thread }) => (
            <ThreadLine key={thread.threadId} thread={thread} project={title(thread)} />
          ))}
        </Section>
      )}
      {recent.length > 0 && (
        <Section title="Recent">
          {recent.map(({ thread }) => (
            <ThreadLine key={thread.threadId} thread={thread} project={title(thread)} />
          ))}
        </Section>
      )}
    </Stack>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className={classes["heading"]}>{title}</h2>
      <div className={classes["card"]}>{children}</div>
    </section>
  );
}

function ThreadLine({ thread, project }: { thread: ThreadSummary; project: string }) {
  const state = threadState(thread);
  return (
    <Link to="/threads/$threadId" params={{ threadId: thread.threadId }} className={classes["line"]}>
      <StateDot state={state} />
      <span className={classes["lineTitle"]}>
        {thread.title}
        <span className={classes["lineProject"]}>{project}</span>
      </span>
      <span className={classes["lineDetail"]}>
        {state === "idle" ? <RelativeTime at={thread.updatedAt} /> : THREAD_STATE_TEXT[state]}
      </span>
      <IconChevronRight size={16} aria-hidden="true" />
    </Link>
  );
}

function FirstProject() {
  return (
    <Paper withBorder radius="lg" p="xl" className={classes["empty"] ?? ""}>
      <IconFolderPlus size={30} stroke={1.5} color="var(--accent)" aria-hidden="true" />
      <Title order={2} size="h3" mt="sm">
        Add your first project
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        A project is a folder on one of your machines in which agents work. Every turn there is recorded and can be
        undone.
      </Text>
      <AddProjectForm onAdded={() => {}} />
      <Text c="dimmed" size="sm" mt="lg">
        Or in a terminal, inside the folder:
      </Text>
      <Group gap={6} mt={6}>
        <Code fz={13} px={10} py={4}>
          muster project add .
        </Code>
        <CopyButton text="muster project add ." label="Copy the command" />
      </Group>
    </Paper>
  );
}

function FirstThread({ projects }: { projects: readonly ProjectRow[] }) {
  const newThread = useNewThread();
  const sessions = useSessions();
  const mayBegin = projects.some(({ sessionId }) => mayWorkIn(sessions, sessionId));
  return (
    <Paper withBorder radius="lg" p="xl" className={classes["empty"] ?? ""}>
      <IconMessagePlus size={30} stroke={1.5} color="var(--accent)" aria-hidden="true" />
      <Title order={2} size="h3" mt="sm">
        Start your first thread
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        A thread is a lasting conversation with one agent in {projects[0]?.title ?? "a project"}. You watch it work,
        answer its questions, and read what it changed.
      </Text>
      {mayBegin && <Button onClick={() => newThread.open(projects[0]?.projectId)}>New thread</Button>}
    </Paper>
  );
}

function Loading() {
  return (
    <Stack role="status" aria-label="Loading">
      <Skeleton height={16} width={110} radius="xl" />
      <Skeleton height={120} radius="lg" />
      <Skeleton height={16} width={90} radius="xl" mt="md" />
      <Skeleton height={200} radius="lg" />
    </Stack>
  );
}
