// Checks of turns: how they ended, in which order, how often they ran, what they said and what they asked.
import type { Evidence } from "./evidence.ts";
import { turnOfRequest } from "./record.ts";
import type { Story, TurnStory } from "./story.ts";

const faultsOf = (story: Story, promise: Story["faults"][number]["promise"]): string[] =>
  story.faults.filter((fault) => fault.promise === promise).map(({ what }) => what);

export function* checkTurns({ hub }: Evidence, story: Story): Generator<string> {
  yield* faultsOf(story, "turns");
  for (const turn of story.turns.values()) {
    if (turn.status === "running" || turn.status === "queued") yield `turn ${turn.turnId} is stuck ${turn.status}`;
  }
  for (const row of hub.rows.projection_thread_turns) {
    const status = story.turns.get(row.turnId)?.status;
    if (row.status !== status) yield `turn ${row.turnId} is ${row.status}, but the log says ${status ?? "nothing"}`;
  }
  for (const session of hub.rows.projection_thread_sessions) {
    if (session.status === "running" || session.status === "starting")
      yield `the session of thread ${session.threadId} is stuck ${session.status}`;
  }
}

export function* checkQueue(_evidence: Evidence, story: Story): Generator<string> {
  yield* faultsOf(story, "queue");
}

export function* checkReverts(_evidence: Evidence, story: Story): Generator<string> {
  yield* faultsOf(story, "reverts");
  for (const threadId of story.reverting) yield `the revert of thread ${threadId} is stuck`;
}

interface Execution {
  begun: number;
  ended: number;
  said: string;
}

const executionsOf = ({ ledger }: Evidence): Map<string, Execution> => {
  const executions = new Map<string, Execution>();
  for (const { request, kind, text } of ledger) {
    const turnId = turnOfRequest(request);
    if (turnId === null) continue;
    const execution = executions.get(turnId) ?? { begun: 0, ended: 0, said: "" };
    if (kind === "begin") execution.begun += 1;
    if (kind === "end") execution.ended += 1;
    if (kind === "said") execution.said += text ?? "";
    executions.set(turnId, execution);
  }
  return executions;
};

export function* checkExecutions(evidence: Evidence, story: Story): Generator<string> {
  const executions = executionsOf(evidence);
  for (const [turnId, { begun, ended }] of executions) {
    const turn = story.turns.get(turnId);
    if (begun > 1) yield `turn ${turnId} ran ${begun} times`;
    if (ended > begun) yield `turn ${turnId} ended ${ended} times and began ${begun} times`;
    if (turn?.wasStarted !== true) yield `turn ${turnId} ran and was never started`;
    else if (turn.reason === "interrupted_before_start") yield `turn ${turnId} ran, but ended before its start`;
  }
  for (const { turnId, status } of story.turns.values()) {
    const { begun = 0, ended = 0 } = executions.get(turnId) ?? {};
    if (status === "completed" && (begun !== 1 || ended !== 1))
      yield `turn ${turnId} is completed, but began ${begun} and ended ${ended} times`;
  }
}

export function* checkTexts(evidence: Evidence, story: Story): Generator<string> {
  yield* faultsOf(story, "texts");
  const executions = executionsOf(evidence);
  for (const turn of story.turns.values()) {
    const said = executions.get(turn.turnId)?.said ?? "";
    const stored = [...turn.answers.values()].join("");
    if (turn.status === "completed" ? stored !== said : !said.startsWith(stored))
      yield `the answer of turn ${turn.turnId} (${turn.status}) ${differenceOf(stored, said)}`;
  }
  yield* checkMessageRows(evidence, story.turns);
}

function* checkMessageRows({ hub }: Evidence, turns: ReadonlyMap<string, TurnStory>): Generator<string> {
  for (const { messageId, turnId, role, text, isStreaming } of hub.rows.projection_thread_messages) {
    if (isStreaming) yield `message ${messageId} is still streaming`;
    if (role !== "assistant" || turnId === null) continue;
    const logged = turns.get(turnId)?.answers.get(messageId);
    if (text !== logged) yield `message ${messageId} of turn ${turnId} ${differenceOf(text, logged ?? "")} (the log's)`;
  }
}

function differenceOf(stored: string, said: string): string {
  let at = 0;
  while (at < stored.length && stored[at] === said[at]) at += 1;
  return `has ${stored.length} characters for ${said.length} and differs at ${at}: ${JSON.stringify(stored.slice(at, at + 30))} for ${JSON.stringify(said.slice(at, at + 30))}`;
}

const DECISIONS: Readonly<Record<string, readonly string[]>> = {
  allow: ["accept", "acceptForSession"],
  always: ["accept", "acceptForSession"],
  reject: ["decline"],
};

export function* checkApprovals({ hub, ledger }: Evidence, story: Story): Generator<string> {
  yield* faultsOf(story, "approvals");
  const byToolCall = new Map([...story.questions.values()].map((question) => [question.toolCallId, question]));
  for (const { requestId, status } of story.questions.values())
    if (status === "pending") yield `question ${requestId} was neither answered nor did it expire`;
  for (const row of hub.rows.projection_pending_approvals) {
    const logged = story.questions.get(row.requestId);
    if (row.status !== logged?.status || row.decision !== logged.decision)
      yield `question ${row.requestId} is ${row.status} (${row.decision}), but the log says ${logged?.status} (${logged?.decision})`;
  }
  for (const { kind, toolCallId, outcome = "" } of ledger) {
    if (kind !== "decided" || toolCallId === undefined) continue;
    const question = byToolCall.get(toolCallId);
    const fitting = DECISIONS[outcome];
    // Without a question the thread's mode or a remembered decision answered; a cancel may come without anyone's word.
    if (question === undefined || fitting === undefined) continue;
    if (question.decision === null || !fitting.includes(question.decision))
      yield `the agent was told ${outcome} to ${question.requestId}, but the log says ${question.decision ?? question.status}`;
  }
}
