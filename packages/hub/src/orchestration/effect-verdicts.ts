// Whether the node of an effect may be given it now, derived from its slot, the session's floor and its owner's membership
// each time one is handed over. New work alone is measured: what belongs to a turn under way always goes.
import {
  type EffectId,
  type EffectKind,
  MusterError,
  type NodeId,
  type SpaceId,
  type ThreadId,
} from "@muster/contracts";
import { integer, nullable, type RowOf, type Store, select } from "@muster/store";
import { CONTRIBUTES, isBelowFloor } from "../nodes/index.ts";
import { HUB_TABLES, ofThread } from "../schema/index.ts";

const { runtime_node_attachments: slots, sessions } = HUB_TABLES;

const standing = {
  state: nullable(slots.state),
  client_version: nullable(slots.client_version),
  min_client_version: sessions.min_client_version,
  contributes: integer(),
};

const standingOfThread = select({
  request: ofThread,
  row: standing,
  sql: `SELECT slot.state, slot.client_version, session.min_client_version, ${CONTRIBUTES} AS contributes
    FROM projection_threads t
    JOIN projection_projects p ON p.space_id = t.space_id AND p.project_id = t.project_id
    JOIN sessions session ON session.space_id = p.space_id AND session.session_id = p.session_id
    LEFT JOIN nodes node ON node.space_id = p.space_id AND node.node_id = p.node_id
    LEFT JOIN runtime_node_attachments slot
      ON slot.space_id = p.space_id AND slot.node_id = p.node_id AND slot.session_id = p.session_id
    WHERE t.space_id = :spaceId AND t.thread_id = :threadId`,
});

/** What begins something on a node; a revert changes files of turns that were given to it before. */
const NEW_WORK: ReadonlySet<EffectKind> = new Set(["node.turn.start", "node.checkpoint.revert"]);

/** `wait`: until the slot opens, or ends and takes the turn with it. An error: the node may not have it. */
export type Verdict = "go" | "wait" | MusterError;

interface Asked {
  readonly spaceId: SpaceId;
  readonly effectId: EffectId;
  readonly threadId: ThreadId;
  readonly nodeId: NodeId;
  readonly kind: EffectKind;
}

/** Of each effect that is no `go`. */
export async function verdictsOf(
  store: Store,
  effects: readonly Asked[],
  onBug: (error: unknown) => void,
): Promise<ReadonlyMap<EffectId, Exclude<Verdict, "go">>> {
  const measured = effects.filter(({ kind }) => NEW_WORK.has(kind));
  const verdicts = new Map<EffectId, Exclude<Verdict, "go">>();
  if (measured.length === 0) return verdicts;
  const answers = await store.readTransaction(
    measured.map(({ spaceId, threadId }) => standingOfThread(store.dialect, { spaceId, threadId })),
  );
  for (const [index, { effectId, kind }] of measured.entries()) {
    const [found] = answers[index] ?? [];
    const verdict = found === undefined ? "go" : verdictOf(kind, found, onBug);
    if (verdict !== "go") verdicts.set(effectId, verdict);
  }
  return verdicts;
}

function verdictOf(kind: EffectKind, found: RowOf<typeof standing>, onBug: (error: unknown) => void): Verdict {
  if (found.state !== "online" && found.state !== "degraded") return "wait";
  if (found.contributes !== 1)
    return new MusterError("runtimenode.permission_denied", "The node is suspended: nothing new is given to it.");
  if (kind !== "node.turn.start") return "go";
  try {
    const version = found.client_version ?? "";
    if (!isBelowFloor(version, found.min_client_version)) return "go";
    return new MusterError("version.floor_exceeded", undefined, { version, floor: found.min_client_version });
  } catch (error) {
    // A floor that cannot be read admits nobody.
    onBug(error);
    return new MusterError("internal_error", "The session's version floor cannot be read.");
  }
}
