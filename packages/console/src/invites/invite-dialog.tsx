// Makes an invite and shows its link, once: the hub keeps only a digest of it. For a machine the dialog stays and watches
// until the machine is there; for a person the link is handed on.
import { Alert, Button, Group, NativeSelect, Radio, Stack, Text } from "@mantine/core";
import type { Invite, Role, SessionId, SessionSummary } from "@muster/contracts";
import { INVITE_HOURS_DEFAULT } from "@muster/contracts";
import { IconInfoCircle } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { ROLE_HINT, ROLE_TEXT, ROLES } from "../sessions/may.ts";
import { useAct } from "../shared/administration.ts";
import { Dialog } from "../shared/dialog.tsx";
import { FormButtons } from "../shared/form-buttons.tsx";
import { CopyLine } from "../shared/page.tsx";
import { JoinWatch } from "./join-watch.tsx";
import { EXPIRIES, isLoopback, joinCommand } from "./link.ts";

export interface InviteRequest {
  readonly purpose: "machine" | "person";
  /** Of which the caller is an owner, and which are active. */
  readonly sessions: readonly SessionSummary[];
}

interface Made {
  readonly invite: Invite;
  readonly joinUrl: string;
}

const TITLES: Readonly<Record<InviteRequest["purpose"], string>> = {
  machine: "Add a machine",
  person: "Invite someone",
};

export function InviteDialog({ request, onClose }: { request: InviteRequest | null; onClose: () => void }) {
  return (
    <Dialog
      isOpen={request !== null}
      onClose={onClose}
      title={TITLES[request?.purpose ?? "machine"]}
      size="lg"
      closesOnClickOutside={false}
    >
      {request !== null && <Content request={request} onClose={onClose} />}
    </Dialog>
  );
}

function Content({ request, onClose }: { request: InviteRequest; onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  if (made === null) return <InviteForm request={request} onMade={setMade} onClose={onClose} />;
  return <Link made={made} purpose={request.purpose} onClose={onClose} />;
}

function InviteForm({
  request: { purpose, sessions },
  onMade,
  onClose,
}: {
  request: InviteRequest;
  onMade: (made: Made) => void;
  onClose: () => void;
}) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const [sessionId, setSessionId] = useState<string>(sessions[0]?.sessionId ?? "");
  const [role, setRole] = useState<Role>(purpose === "machine" ? "runtime_contributor" : "collaborator");
  const [expiresInHours, setExpiresInHours] = useState(INVITE_HOURS_DEFAULT);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const made = await act(() =>
      client.api.invites.create({ sessionId: sessionId as SessionId, role, expiresInHours }),
    );
    if (made !== null) onMade(made.answer);
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        <Text size="sm" c="dimmed">
          {purpose === "machine"
            ? "You get one line to run on that machine, where Muster must be installed. It works once."
            : "You get a link that lets one person in, in a browser or with a machine of theirs. It works once."}
        </Text>
        {sessions.length > 1 && (
          <NativeSelect
            label="Session"
            value={sessionId}
            onChange={(event) => setSessionId(event.currentTarget.value)}
            data={sessions.map((session) => ({ value: session.sessionId, label: session.title }))}
          />
        )}
        {purpose === "person" && (
          <Radio.Group label="Role" value={role} onChange={(value) => setRole(value as Role)}>
            <Stack gap={8} mt={6}>
              {ROLES.map((value) => (
                <Radio key={value} value={value} label={ROLE_TEXT[value]} description={ROLE_HINT[value]} />
              ))}
            </Stack>
          </Radio.Group>
        )}
        <NativeSelect
          label="The link expires"
          value={String(expiresInHours)}
          onChange={(event) => setExpiresInHours(Number(event.currentTarget.value))}
          data={EXPIRIES.map(({ hours, label }) => ({ value: String(hours), label }))}
        />
        <FormButtons action="Make the link" isActing={isActing} isFocused onCancel={onClose} />
      </Stack>
    </form>
  );
}

function Link({
  made: { invite, joinUrl },
  purpose,
  onClose,
}: {
  made: Made;
  purpose: InviteRequest["purpose"];
  onClose: () => void;
}) {
  return (
    <Stack data-testid="invite-link">
      {purpose === "machine" ? (
        <>
          <Text size="sm">Run this on the machine that is to join:</Text>
          <CopyLine text={joinCommand(joinUrl)} label="Copy the command" />
        </>
      ) : (
        <>
          <Text size="sm">Send this to the one who is to join, by a way that only they read:</Text>
          <CopyLine text={joinUrl} label="Copy the link" />
          <Text size="sm">To join with a machine, they run this there instead of opening the link:</Text>
          <CopyLine text={joinCommand(joinUrl)} label="Copy the command" />
        </>
      )}
      <Text size="sm" c="dimmed">
        It works once, until {new Date(invite.expiresAt).toLocaleString()}, and is not shown again.
      </Text>
      {isLoopback(joinUrl) && (
        <Alert color="yellow" variant="light" icon={<IconInfoCircle size={18} />}>
          The hub is reached on its own machine only, so this link works nowhere else. For other machines start it with{" "}
          <span className="mono">--public-url</span> behind a proxy with TLS, or, in a network where nobody listens,
          with <span className="mono">muster up --host 0.0.0.0 --trust-network</span>.
        </Alert>
      )}
      <JoinWatch invite={invite} isMachineWanted={purpose === "machine"} />
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
