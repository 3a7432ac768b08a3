// Adds a project: a folder on a machine that is attached to the session.
import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import type { NodeSummary, ProjectId } from "@muster/contracts";
import { type FormEvent, useState } from "react";
import { useMuster, useNodes } from "../application/muster.tsx";
import { useCommand } from "../shared/use-command.ts";
import { nodeName } from "../threads/thread-choices.ts";
import { folderName, isAbsolutePath } from "./folder.ts";

export function AddProjectForm({
  onAdded,
  onCancel,
}: {
  onAdded: (projectId: ProjectId) => void;
  onCancel?: (() => void) | undefined;
}) {
  const { client } = useMuster();
  const nodes = (useNodes() ?? []).filter(({ state }) => state !== "revoked");
  const { run, isRunning } = useCommand();
  const [nodeId, setNodeId] = useState<string | null>(null);
  const [path, setPath] = useState("");
  const [title, setTitle] = useState<string | null>(null);
  const [isChecked, setIsChecked] = useState(false);
  const node =
    nodes.find((candidate) => candidate.nodeId === nodeId) ??
    nodes.find(({ health }) => health === "online") ??
    nodes[0];
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
        No machine is attached yet. Start Muster on one with <span className="mono">muster up</span>.
      </Text>
    );
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="md">
        {nodes.length > 1 && <MachineSelect nodes={nodes} value={node} onChange={setNodeId} />}
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
  value,
  onChange,
}: {
  nodes: readonly NodeSummary[];
  value: NodeSummary | undefined;
  onChange: (nodeId: string | null) => void;
}) {
  return (
    <Select
      label="Machine"
      allowDeselect={false}
      value={value?.nodeId ?? null}
      onChange={onChange}
      data={nodes.map((node) => ({
        value: node.nodeId,
        label: node.health === "online" ? nodeName(node) : `${nodeName(node)} (${node.health})`,
      }))}
    />
  );
}

const pathProblem = (path: string, isChecked: boolean): string | null => {
  if (path.trim() === "") return isChecked ? "Say which folder." : null;
  return isAbsolutePath(path.trim()) ? null : "Give the full path, starting with /.";
};
