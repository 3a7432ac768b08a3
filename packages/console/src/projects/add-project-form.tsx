// Adds a project: a folder on a machine that is attached to the session.
import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import type { NodeSummary, ProjectId, SessionSummary } from "@muster/contracts";
import { type FormEvent, useState } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { machineKey } from "../fleet/machines.ts";
import { sessionOf, useSessions } from "../sessions/use-sessions.ts";
import { useCommand } from "../shared/use-command.ts";
import { nodeName, projectHomes } from "../threads/thread-choices.ts";
import { folderName, isAbsolutePath } from "./folder.ts";

export function AddProjectForm({
  onAdded,
  onCancel,
}: {
  onAdded: (projectId: ProjectId) => void;
  onCancel?: (() => void) | undefined;
}) {
  const { client } = useMuster();
  const sessions = useSessions();
  const nodes = projectHomes(useNodes() ?? [], sessions);
  const { run, isRunning } = useCommand();
  const [home, setHome] = useState<string | null>(null);
  const [path, setPath] = useState("");
  const [title, setTitle] = useState<string | null>(null);
  const [isChecked, setIsChecked] = useState(false);
  const node = nodes.find((candidate) => machineKey(candidate) === home) ?? nodes[0];
  const pathError = pathProblem(path, isChecked);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setIsChecked(true);
    if (node === undefined || pathProblem(path, true) !== null) return;
    const projectId = client.ids.next() as ProjectId;
    const name = title?.trim() || folderName(path);
    const isCreated = await run({
      type: "project.create",
      projectId,
      sessionId: node.sessionId,
      nodeId: node.nodeId,
      title: name,
      workspaceRoot: path.trim(),
    });
    if (isCreated) onAdded(projectId);
  };

  if (nodes.length === 0) {
    return (
      <Text size="sm">
        No machine on which you may work is attached. Start Muster on one with <span className="mono">muster up</span>.
      </Text>
    );
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="md">
        {nodes.length > 1 && <MachineSelect nodes={nodes} sessions={sessions} value={node} onChange={setHome} />}
        <TextInput
          label="Folder"
          description="Its full path on that machine; a git repository works best."
          placeholder={`${node?.capabilities.workspaceRoots?.[0] ?? "/home/you"}/my-project`}
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
          error={pathError}
          required
          withAsterisk={false}
          spellCheck={false}
          autoCapitalize="off"
          classNames={{ input: "mono" }}
        />
        <TextInput
          label="Name"
          placeholder={path.trim() === "" ? "my-project" : folderName(path)}
          value={title ?? ""}
          onChange={(event) => setTitle(event.currentTarget.value)}
          maxLength={256}
        />
        <Group justify="flex-end">
          {onCancel !== undefined && (
            <Button variant="default" onClick={onCancel}>
              Back
            </Button>
          )}
          <Button type="submit" loading={isRunning}>
            Add project
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function MachineSelect({
  nodes,
  sessions,
  value,
  onChange,
}: {
  nodes: readonly NodeSummary[];
  sessions: readonly SessionSummary[] | null;
  value: NodeSummary | undefined;
  onChange: (machine: string | null) => void;
}) {
  // The session follows from the machine.
  const areSeveral = new Set(nodes.map(({ sessionId }) => sessionId)).size > 1;
  const place = (node: NodeSummary): string =>
    areSeveral ? `, ${sessionOf(sessions, node.sessionId)?.title ?? node.sessionId}` : "";
  return (
    <Select
      label={areSeveral ? "Machine and session" : "Machine"}
      allowDeselect={false}
      value={value === undefined ? null : machineKey(value)}
      onChange={onChange}
      data={nodes.map((node) => ({
        value: machineKey(node),
        label: `${nodeName(node)}${place(node)}${node.health === "online" ? "" : ` (${node.health})`}`,
      }))}
    />
  );
}

const pathProblem = (path: string, isChecked: boolean): string | null => {
  if (path.trim() === "") return isChecked ? "Say which folder." : null;
  return isAbsolutePath(path.trim()) ? null : "Give the full path, starting with /.";
};
