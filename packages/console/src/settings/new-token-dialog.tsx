// Makes a token and shows its secret, once.
import { Button, Group, NativeSelect, Radio, Stack, Text, TextInput } from "@mantine/core";
import { TOKEN_LABEL_MAX_CHARACTERS, type TokenScope } from "@muster/contracts";
import { type FormEvent, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { useAct } from "../shared/administration.ts";
import { Dialog } from "../shared/dialog.tsx";
import { FormButtons } from "../shared/form-buttons.tsx";
import { CopyLine } from "../shared/page.tsx";
import { SCOPE_HINT, SCOPE_TEXT, SCOPES, TOKEN_EXPIRIES } from "./tokens.ts";

const NEVER = "never";

export function NewTokenDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="New token" closesOnClickOutside={false}>
      {isOpen && <Content onClose={onClose} />}
    </Dialog>
  );
}

function Content({ onClose }: { onClose: () => void }) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const [secret, setSecret] = useState<string | null>(null);
  const [label, setLabel] = useState("");
  const [scope, setScope] = useState<TokenScope>("write");
  const [days, setDays] = useState("90");

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (label.trim() === "") return;
    const expiresInDays = days === NEVER ? null : Number(days);
    const made = await act(() => client.api.tokens.create({ label: label.trim(), scope, expiresInDays }));
    if (made !== null) setSecret(made.answer.secret);
  };

  if (secret !== null) {
    return (
      <Stack data-testid="token-secret">
        <Text size="sm">Copy it now: it is not shown again, and the hub keeps only a digest of it.</Text>
        <CopyLine text={secret} label="Copy the token" />
        <Text size="sm" c="dimmed">
          The command line takes it as <span className="mono">MUSTER_TOKEN</span>, the API as a bearer token.
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>Done</Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        <TextInput
          label="What it is for"
          placeholder="nightly build"
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          maxLength={TOKEN_LABEL_MAX_CHARACTERS}
          data-autofocus
        />
        <Radio.Group label="What it may" value={scope} onChange={(value) => setScope(value as TokenScope)}>
          <Stack gap={8} mt={6}>
            {SCOPES.map((value) => (
              <Radio key={value} value={value} label={SCOPE_TEXT[value]} description={SCOPE_HINT[value]} />
            ))}
          </Stack>
        </Radio.Group>
        <NativeSelect
          label="It expires"
          value={days}
          onChange={(event) => setDays(event.currentTarget.value)}
          data={TOKEN_EXPIRIES.map((expiry) => ({ value: String(expiry.days ?? NEVER), label: expiry.label }))}
        />
        <FormButtons action="Make the token" isActing={isActing} isDisabled={label.trim() === ""} onCancel={onClose} />
      </Stack>
    </form>
  );
}
