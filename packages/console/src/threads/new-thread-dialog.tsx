// Starts a thread: where, with which agent, how freely it may act, and what it is called.
import { Alert, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import type { NodeSummary, ProjectId, ProjectRow, RuntimeMode, ThreadId } from "@muster/contracts";
import { IconInfoCircle, IconPlus } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useMuster, useNodes, useOverview } from "../application/muster.tsx";
import { ObstacleNote } from "../fleet/obstacle-note.tsx";
import { useObstacle } from "../fleet/use-obstacle.ts";
import { AddProjectForm } from "../projects/add-project-form.tsx";
import { useSessions } from "../sessions/use-sessions.ts";
import { Dialog } from "../shared/dialog.tsx";
import { FormButtons } from "../shared/form-buttons.tsx";
import { useCommand } from "../shared/use-command.ts";
import { RuntimeModeField } from "./runtime-mode-field.tsx";
import { mayWorkIn, nodeOfProject, projectChoices, providersOf } from "./thread-choices.ts";

export function NewThreadDialog({
  request,
  onClose,
}: {
  request: { projectId: ProjectId | null } | null;
  onClose: () => void;
}) {
  return (
    <Dialog isOpen={request !== null} onClose={onClose} title="New thread" size="lg">
      {request !== null && <Content preferred={request.projectId} onClose={onClose} />}
    </Dialog>
  );
}

function Content({ preferred, onClose }: { preferred: ProjectId | null; onClose: () => void }) {
  const { projects: all } = useOverview();
  const nodes = useNodes();
  const sessions = useSessions();
  const projects = all.filter(({ sessionId }) => mayWorkIn(sessions, sessionId));
  const [chosen, setChosen] = useState<string | null>(preferred);
  const [isAdding, setIsAdding] = useState(false);
  const project = projects.find(({ projectId }) => projectId === chosen) ?? (chosen === null ? projects[0] : undefined);
  if (isAdding || projects.length === 0) {
    return (
      <Stack>
        <Text size="sm" c="dimmed">
          A thread works in a project: a folder on one of your machines.
        </Text>
        <AddProjectForm
          onAdded={(projectId) => {
            setChosen(projectId);
            setIsAdding(false);
          }}
          onCancel={projects.length === 0 ? undefined : () => setIsAdding(false)}
        />
      </Stack>
    );
  }
  return (
    <Stack>
      <div>
        <Group align="flex-end" gap="xs" wrap="nowrap">
          <Select
            label="Project"
            flex={1}
            allowDeselect={false}
            value={project?.projectId ?? null}
            onChange={setChosen}
            data={projectChoices(projects, sessions)}
          />
          <Button variant="default" leftSection={<IconPlus size={16} />} onClick={() => setIsAdding(true)}>
            Add
          </Button>
        </Group>
        {project !== undefined && (
          <Text size="xs" c="dimmed" mt={5} className="mono" style={{ overflowWrap: "anywhere" }}>
            {project.workspaceRoot}
          </Text>
        )}
      </div>
      {project !== undefined && (
        <ThreadForm key={project.projectId} project={project} node={nodeOfProject(project, nodes)} onClose={onClose} />
      )}
    </Stack>
  );
}

function ThreadForm({
  project,
  node,
  onClose,
}: {
  project: ProjectRow;
  node: NodeSummary | undefined;
  onClose: () => void;
}) {
  const { client } = useMuster();
  const navigate = useNavigate();
  const { run, isRunning } = useCommand();
  const obstacle = useObstacle(project);
  const providers = providersOf(node);
  const [provider, setProvider] = useState<string | null>(null);
  const [mode, setMode] = useState<RuntimeMode>("approval-required");
  const [title, setTitle] = useState("");
  const chosenProvider = provider ?? providers.find(({ isFound }) => isFound)?.name ?? null;
  const missing = providers.find(({ name }) => name === chosenProvider && !name.startsWith("sample"));

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (chosenProvider === null) return;
    const threadId = client.ids.next() as ThreadId;
    const isCreated = await run({
      type: "thread.create",
      threadId,
      projectId: project.projectId,
      title: title.trim() === "" ? "New thread" : title.trim(),
      provider: chosenProvider,
      branch: null,
      worktreePath: null,
      runtimeMode: mode,
    });
    if (!isCreated) return;
    onClose();
    await navigate({ to: "/threads/$threadId", params: { threadId } });
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        <TextInput
          label="Title"
          placeholder="What is it about?"
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
          maxLength={256}
          data-autofocus
        />
        <Select
          label="Agent"
          allowDeselect={false}
          value={chosenProvider}
          onChange={setProvider}
          placeholder={providers.length === 0 ? "No agent is known on this machine" : "Choose an agent"}
          data={providers.map(({ name, title: label, isFound }) => ({
            value: name,
            label: isFound ? label : `${label} (not installed)`,
            disabled: !isFound,
          }))}
        />
        {missing?.isFound === false && missing.hint !== null && (
          <Text size="sm" c="dimmed">
            {missing.hint}
          </Text>
        )}
        <RuntimeModeField value={mode} onChange={setMode} />
        {obstacle !== null && <ObstacleNote obstacle={obstacle} />}
        {obstacle === null && node?.health === "offline" && (
          <Alert color="yellow" variant="light" icon={<IconInfoCircle size={18} />}>
            The machine of this project is offline. What you ask for is kept and starts when it is back.
          </Alert>
        )}
        <FormButtons
          action="Start thread"
          isActing={isRunning}
          isDisabled={chosenProvider === null || obstacle !== null}
          onCancel={onClose}
        />
      </Stack>
    </form>
  );
}
