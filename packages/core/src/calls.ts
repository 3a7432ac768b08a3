// A call of a tool as its activity holds it: once in the log and once in its row, so what the activity's line says already,
// and what is empty, is left out. Activities from before have it all, and are read alike.
import { ToolCall } from "@muster/contracts";

interface Told {
  readonly summary: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The payload of an activity whose line is `summary`. */
export const recordedCall = ({ title, locations, ...rest }: ToolCall, summary: string): Record<string, unknown> => ({
  ...rest,
  ...(title === summary ? {} : { title }),
  ...(locations.length === 0 ? {} : { locations }),
});

/** The call that an activity tells of; null where its payload is none, or was pruned. */
export const callOf = ({ summary, payload }: Told): ToolCall | null =>
  ToolCall.safeParse({ title: summary, ...payload }).data ?? null;
