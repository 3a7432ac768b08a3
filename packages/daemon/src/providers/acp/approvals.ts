// Questions of the agent and who answers them: a person, the thread's runtime mode, or a decision remembered for this
// session. Invariant: every question of the agent gets exactly one answer, and a pending one is known by our id alone.
import {
  type PermissionOption,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";
import type {
  ApprovalDecision,
  ApprovalRequest,
  ApprovalRequestId,
  RuntimeEvent,
  RuntimeMode,
  ToolCall,
} from "@muster/contracts";
import { TOOL_TITLE_MAX_CHARACTERS } from "../limits.ts";
import { clean, cutEnd, fieldsOf, textOf } from "./text.ts";

export interface Question {
  readonly options: readonly PermissionOption[];
  readonly tool: ToolCall;
  /** The command line, where the agent gives one; names what is remembered better than a title. */
  readonly command: string | undefined;
}

export interface ApprovalsOptions {
  readonly approvalsMax: number;
  mode(): RuntimeMode;
  /** True when everything the call names lies inside the workspace. */
  staysInside(tool: ToolCall): boolean;
  mintId(): ApprovalRequestId;
  emit(event: RuntimeEvent): void;
}

type Source = Extract<RuntimeEvent, { type: "approval.resolved" }>["source"];

interface Pending {
  readonly question: Question;
  readonly title: string;
  settle(response: RequestPermissionResponse): void;
}

const CANCELLED: RequestPermissionResponse = { outcome: { outcome: "cancelled" } };
const EDIT_KINDS: ReadonlySet<string> = new Set(["edit", "delete", "move", "read"]);
const REQUEST_KINDS: Readonly<Record<ToolCall["kind"], ApprovalRequest["kind"]>> = {
  execute: "command",
  edit: "edit",
  delete: "edit",
  move: "edit",
  read: "read",
  search: "read",
  think: "other",
  fetch: "other",
  other: "other",
};
const REMEMBERED_MAX = 1_000;

export const questionOf = (params: RequestPermissionRequest, tool: ToolCall): Question => {
  const command = fieldsOf(params.toolCall.rawInput)["command"];
  return { options: params.options, tool, command: Array.isArray(command) ? command.join(" ") : textOf(command) };
};

/**
 * The agent's option for a decision. Allowing once never falls upward to always while a once is offered; where an agent
 * offers only the one, that is what the person can mean. Declining without a reject option is a cancel.
 */
const optionFor = (decision: ApprovalDecision, options: readonly PermissionOption[]): PermissionOption | undefined => {
  const first = (...kinds: readonly PermissionOption["kind"][]): PermissionOption | undefined => {
    for (const kind of kinds) {
      const option = options.find((candidate) => candidate.kind === kind);
      if (option !== undefined) return option;
    }
    return undefined;
  };
  switch (decision) {
    case "accept":
      return first("allow_once", "allow_always");
    case "acceptForSession":
      return first("allow_always", "allow_once");
    case "decline":
      return first("reject_once", "reject_always");
    case "cancel":
      return undefined;
  }
};

const respond = (decision: ApprovalDecision, options: readonly PermissionOption[]): RequestPermissionResponse => {
  const option = optionFor(decision, options);
  return option === undefined ? CANCELLED : { outcome: { outcome: "selected", optionId: option.optionId } };
};

const rememberKey = (question: Question): string => `${question.tool.kind}\0${question.command ?? question.tool.title}`;

/** The decisions a person can take, labelled with the agent's words where it has some. */
const choicesOf = (options: readonly PermissionOption[]): ApprovalRequest["options"] => {
  const label = (kind: PermissionOption["kind"], otherwise: string): string =>
    cutEnd(clean(options.find((option) => option.kind === kind)?.name ?? otherwise), 256);
  const allows = options.some((option) => option.kind === "allow_once" || option.kind === "allow_always");
  return [
    ...(allows
      ? [
          { decision: "accept" as const, label: label("allow_once", "Allow") },
          { decision: "acceptForSession" as const, label: label("allow_always", "Allow for this session") },
        ]
      : []),
    { decision: "decline" as const, label: label("reject_once", "Decline") },
    { decision: "cancel" as const, label: "Cancel" },
  ];
};

export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #pending = new Map<ApprovalRequestId, Pending>();
  readonly #remembered = new Set<string>();

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  /** Resolves with the answer for the agent. `signal` aborts when the agent takes its question back. */
  ask(question: Question, signal: AbortSignal): Promise<RequestPermissionResponse> {
    const title = cutEnd(
      question.tool.title === "" ? (question.command ?? "Permission") : question.tool.title,
      TOOL_TITLE_MAX_CHARACTERS,
    );
    const requestId = this.#options.mintId();
    const source = this.#automatic(question);
    if (source !== undefined) {
      this.#resolved(requestId, "accept", source, title);
      return Promise.resolve(respond("accept", question.options));
    }
    if (this.#pending.size >= this.#options.approvalsMax || signal.aborted) return Promise.resolve(CANCELLED);
    return new Promise((settle) => {
      this.#pending.set(requestId, { question, title, settle });
      const takenBack = (): void => {
        // The signal aborts also when the line closes; then nobody took anything back, and the end of the turn decides.
        if (signal.reason instanceof RequestError) this.#settle(requestId, "cancel", "withdrawn");
      };
      signal.addEventListener("abort", takenBack, { once: true });
      this.#options.emit({
        type: "approval.requested",
        request: {
          requestId,
          kind: REQUEST_KINDS[question.tool.kind],
          title,
          tool: question.tool,
          options: choicesOf(question.options),
        },
      });
    });
  }

  answer(requestId: ApprovalRequestId, decision: ApprovalDecision): boolean {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return false;
    if (decision === "acceptForSession" && this.#remembered.size < REMEMBERED_MAX)
      this.#remembered.add(rememberKey(pending.question));
    return this.#settle(requestId, decision, "person");
  }

  /** Answers all that is pending with `cancelled`. */
  withdrawAll(): void {
    for (const requestId of [...this.#pending.keys()]) this.#settle(requestId, "cancel", "withdrawn");
  }

  /** The agent is gone: there is nobody to answer, and whoever keeps the questions lets them expire by their id. */
  forgetAll(): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) pending.settle(CANCELLED);
  }

  #automatic(question: Question): Source | undefined {
    if (optionFor("accept", question.options) === undefined) return undefined;
    if (this.#remembered.has(rememberKey(question))) return "remembered";
    switch (this.#options.mode()) {
      case "full-access":
        return "mode";
      case "auto-accept-edits":
        return EDIT_KINDS.has(question.tool.kind) && this.#options.staysInside(question.tool) ? "mode" : undefined;
      case "approval-required":
        return undefined;
    }
  }

  #settle(requestId: ApprovalRequestId, decision: ApprovalDecision, source: Source): boolean {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return false;
    this.#pending.delete(requestId);
    this.#resolved(requestId, decision, source, pending.title);
    pending.settle(respond(decision, pending.question.options));
    return true;
  }

  #resolved(requestId: ApprovalRequestId, decision: ApprovalDecision, source: Source, title: string): void {
    this.#options.emit({ type: "approval.resolved", requestId, decision, source, title });
  }
}
