// Every thread, grouped by project, with what it is doing. Ctrl+K (⌘K) moves to the search from anywhere on the page.
import { ActionIcon, Button, CloseButton, Kbd, ScrollArea, Skeleton, Text, TextInput, Tooltip } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import type { ThreadSummary } from "@muster/contracts";
import { IconFolder, IconPlus, IconSearch } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { useOverview } from "../application/muster.tsx";
import { useSessions } from "../sessions/use-sessions.ts";
import { RelativeTime } from "../shared/time.tsx";
import { groupThreads } from "./group-threads.ts";
import { useNewThread } from "./new-thread-context.tsx";
import { StateDot } from "./state-dot.tsx";
import { mayWorkIn } from "./thread-choices.ts";
import classes from "./thread-list.module.css";
import { threadState } from "./thread-state.ts";

const SEARCH_KEYS = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? "⌘K" : "Ctrl K";

export function ThreadList({ onNavigate }: { onNavigate: () => void }) {
  const { isLoaded, projects, threads } = useOverview();
  const [search, setSearch] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const newThread = useNewThread();
  const sessions = useSessions();
  const mayBegin = sessions?.some(({ sessionId }) => mayWorkIn(sessions, sessionId)) ?? true;
  useHotkeys([["mod+K", () => input.current?.focus()]], []);
  const groups = useMemo(() => groupThreads(projects, threads, search), [projects, threads, search]);
  return (
    <nav className={classes["list"]} aria-label="Threads" data-testid="thread-list">
      <div className={classes["top"]}>
        {mayBegin && (
          <Button
            fullWidth
            leftSection={<IconPlus size={17} />}
            onClick={() => newThread.open()}
            data-testid="new-thread"
          >
            New thread
          </Button>
        )}
        <TextInput
          ref={input}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && setSearch("")}
          placeholder="Search threads"
          aria-label="Search threads by title"
          leftSection={<IconSearch size={16} />}
          rightSectionWidth={search === "" ? 62 : 36}
          rightSection={
            search === "" ? (
              <Kbd size="xs">{SEARCH_KEYS}</Kbd>
            ) : (
              <CloseButton size="sm" aria-label="Clear the search" onClick={() => setSearch("")} />
            )
          }
        />
      </div>
      <ScrollArea className={classes["scroll"] ?? ""} type="hover" scrollbarSize={8} viewportProps={{ tabIndex: -1 }}>
        {isLoaded ? (
          <div className={classes["groups"]}>
            {groups.map(({ project, threads: members }) => (
              <section key={project.projectId} aria-label={project.title}>
                <div className={classes["group"]}>
                  <IconFolder size={14} aria-hidden="true" />
                  <Tooltip label={project.workspaceRoot} position="top-start">
                    <h2 className={classes["groupTitle"]}>{project.title}</h2>
                  </Tooltip>
                  {mayWorkIn(sessions, project.sessionId) && (
                    <Tooltip label="New thread here">
                      <ActionIcon
                        size="sm"
                        aria-label={`New thread in ${project.title}`}
                        onClick={() => newThread.open(project.projectId)}
                      >
                        <IconPlus size={15} />
                      </ActionIcon>
                    </Tooltip>
                  )}
                </div>
                {members.length === 0 ? (
                  <p className={classes["none"]}>No thread yet</p>
                ) : (
                  <ul className={classes["items"]}>
                    {members.map((thread) => (
                      <Item key={thread.threadId} thread={thread} onNavigate={onNavigate} />
                    ))}
                  </ul>
                )}
              </section>
            ))}
            {groups.length === 0 && (
              <Text size="sm" c="dimmed" ta="center" py="lg" px="md">
                {search === "" ? "No project yet." : `No thread is called “${search}”.`}
              </Text>
            )}
          </div>
        ) : (
          <Loading />
        )}
      </ScrollArea>
    </nav>
  );
}

function Item({ thread, onNavigate }: { thread: ThreadSummary; onNavigate: () => void }) {
  return (
    <li>
      <Link
        to="/threads/$threadId"
        params={{ threadId: thread.threadId }}
        className={classes["item"]}
        onClick={onNavigate}
        data-testid="thread-item"
        data-thread-id={thread.threadId}
      >
        <StateDot state={threadState(thread)} />
        <span className={classes["title"]}>{thread.title}</span>
        {thread.pendingApprovalCount > 0 ? (
          <span className={classes["badge"]}>
            {thread.pendingApprovalCount}
            <span className="visually-hidden"> waiting for an answer</span>
          </span>
        ) : (
          <span className={classes["time"]}>
            <RelativeTime at={thread.updatedAt} everyMs={30_000} />
          </span>
        )}
      </Link>
    </li>
  );
}

function Loading() {
  return (
    <div className={classes["groups"]} role="status" aria-label="Loading the threads">
      {[62, 80, 48, 71].map((width) => (
        <Skeleton key={width} height={14} width={`${width}%`} mx={12} my={13} radius="xl" />
      ))}
    </div>
  );
}
