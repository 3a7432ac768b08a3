// How tests look at the outbox of a world and answer for its nodes.
import { ERRORS, type ErrorBody } from "@muster/contracts";
import { command } from "@muster/core/testing";
import { type EffectRun, nodeIdentity, until, type World } from "./test-world.ts";

/** Of the world that a test has open when it calls them. */
export function outboxOf(world: () => World) {
  const effects = () =>
    world().rows(
      "SELECT kind, status, attempt_count, fence, lease_owner, last_error FROM orchestration_effects ORDER BY event_sequence",
    );
  const statuses = async () => (await effects()).map((row) => `${row["kind"]} ${row["status"]}`);
  const failure = (code: keyof typeof ERRORS): ErrorBody => ({
    code,
    message: ERRORS[code].message,
    retryable: ERRORS[code].retryable,
  });
  const answer = (run: EffectRun | undefined, error?: ErrorBody) => {
    if (run === undefined) throw new Error("nothing was handed over");
    const { effectId, fence } = run;
    return world().orchestration.effectResult(nodeIdentity(run.nodeId), {
      effectId,
      fence,
      ...(error === undefined ? {} : { error }),
    });
  };
  const handedOver = (count: number) => until(() => world().nodes.runs.length >= count);
  const interrupt = () => command("thread.turn.interrupt", { threadId: "thread" });
  const turnStatus = async (turnId = "turn") =>
    (await world().rows("SELECT status, reason FROM projection_thread_turns WHERE turn_id = ?", turnId))[0];
  return { effects, statuses, failure, answer, handedOver, interrupt, turnStatus };
}
