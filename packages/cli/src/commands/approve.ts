// approve, deny: answering what an agent asks. Without an id the only question that waits is meant.
import type { ApprovalDecision } from "@muster/contracts";
import type { Command } from "commander";
import { type Context, examples, type Registry } from "../context.ts";
import { refusal } from "../errors.ts";
import { connect } from "../hub.ts";
import { matchId, shortId } from "../ids.ts";
import { oneLine } from "../output/text.ts";
import { type PendingApproval, pendingApprovals } from "../reads.ts";

export function addApprovalCommands({ program, context }: Registry): void {
  program
    .command("approve")
    .description("allow what an agent asks for")
    .argument("[request]", "id, or a beginning or end of it; the only question when absent")
    .option("--session", "and whatever else it asks of this kind in this session")
    .addHelpText("after", examples("approve", "approve 7d20c4e1 --session"))
    .action((given: string | undefined, options: { session?: boolean }, command: Command) =>
      answer(context(command), given, options.session ? "acceptForSession" : "accept"),
    );
  program
    .command("deny")
    .description("refuse what an agent asks for")
    .argument("[request]", "id, or a beginning or end of it; the only question when absent")
    .addHelpText("after", examples("deny", "deny 7d20c4e1"))
    .action((given: string | undefined, _options: object, command: Command) =>
      answer(context(command), given, "decline"),
    );
}

export function chooseApproval(pending: readonly PendingApproval[], given: string | undefined): PendingApproval {
  if (given !== undefined) {
    const choices = pending.map((each) => ({ ...each, id: each.approval.requestId, title: titleOf(each) }));
    return matchId({ given, noun: "pending approval", missing: "approval_not_pending" }, choices);
  }
  const [only] = pending;
  if (only === undefined)
    throw refusal("approval_not_pending", "Nothing waits for an answer.", "`muster status` shows what needs you.");
  if (pending.length > 1) {
    const list = pending.map((each) => `${shortId(each.approval.requestId)} (${titleOf(each)})`).join(", ");
    throw refusal("validation_failed", `${pending.length} questions wait: ${list}.`, "Say which one.", {
      candidates: pending.map(({ approval }) => approval.requestId),
    });
  }
  return only;
}

const titleOf = ({ approval, thread }: PendingApproval): string =>
  `${oneLine(approval.payload.title)}, in ${oneLine(thread.title)}`;

async function answer(context: Context, given: string | undefined, decision: ApprovalDecision): Promise<void> {
  const hub = connect(context);
  const chosen = chooseApproval(await pendingApprovals(hub), given);
  const { requestId, threadId } = chosen.approval;
  const { sequence, receipt } = await hub.dispatch({ type: "thread.approval.respond", threadId, requestId, decision });
  const { paint } = context;
  const word = {
    accept: "Allowed",
    acceptForSession: "Allowed for the session",
    decline: "Refused",
    cancel: "Refused",
  };
  context.voice.answer({
    json: { requestId, threadId, decision, receipt, sequence },
    text: `${paint("green", "✓")} ${word[decision]}: ${titleOf(chosen)}\n`,
    quiet: [requestId],
  });
}
