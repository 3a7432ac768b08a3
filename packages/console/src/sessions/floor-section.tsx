// The version floor of a session. Raising it is one step; lowering or clearing it is asked about, and recorded by the hub.
import { Button, Group, TextInput } from "@mantine/core";
import type { SessionSummary } from "@muster/contracts";
import { type FormEvent, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { useAct } from "../shared/administration.ts";
import { useConfirm } from "../shared/confirm.tsx";
import page from "../shared/page.module.css";
import { Section } from "../shared/page.tsx";
import { isFloor, isLower } from "./floor.ts";
import { may } from "./may.ts";

export function FloorSection({ session }: { session: SessionSummary }) {
  const { minClientVersion: floor } = session;
  return (
    <Section title="Version floor">
      <div className={page["item"]} data-testid="floor">
        <span className={page["what"]}>
          <span className={page["name"]}>{floor === null ? "Every version" : `Muster ${floor} or newer`}</span>
          <span className={page["detail"]}>
            Machines below the floor stay attached and finish what they run, but are given nothing new.
          </span>
        </span>
        {may("sessions.setFloor", session.role) && session.state === "active" && <FloorForm session={session} />}
      </div>
    </Section>
  );
}

function FloorForm({ session: { sessionId, minClientVersion: floor } }: { session: SessionSummary }) {
  const { client } = useMuster();
  const { act, isActing } = useAct();
  const confirm = useConfirm();
  const [text, setText] = useState(floor ?? "");
  const [isChecked, setIsChecked] = useState(false);
  const typed = text.trim();
  const wanted = typed === "" ? null : typed;
  const problem = wanted === null || isFloor(wanted) ? null : "Such as 1.4";

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setIsChecked(true);
    if (problem !== null || wanted === floor) return;
    const lower = isLower(wanted, floor);
    const isSure =
      !lower ||
      (await confirm({
        title: wanted === null ? "Let every version in?" : `Lower the floor to ${wanted}?`,
        text: `The floor is ${floor}. Machines that only look now will be given work again. This is written to the audit log.`,
        action: wanted === null ? "Clear the floor" : "Lower the floor",
        isDangerous: true,
      }));
    if (isSure) await act(() => client.api.sessions.setFloor({ sessionId, minClientVersion: wanted, lower }));
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Group gap={8} align="flex-start" wrap="nowrap">
        <TextInput
          size="xs"
          w={110}
          aria-label="Version floor"
          placeholder="none"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={isChecked ? problem : null}
          maxLength={13}
        />
        <Button type="submit" size="xs" variant="default" loading={isActing} disabled={wanted === floor}>
          Set
        </Button>
      </Group>
    </form>
  );
}
