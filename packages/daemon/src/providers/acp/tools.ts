// A tool call as the agent has described it so far, folded from a first description and later changes of single fields.
// Invariant: the state is bounded whatever arrives, and so is what `toToolCall` makes of it: it fits the contract.
import { createHash } from "node:crypto";
import {
  PROVIDER_ID_MAX_CHARACTERS,
  type ProviderItemId,
  type ToolCall,
  type ToolKind,
  type ToolLocation,
  type ToolStatus,
} from "@muster/contracts";
import {
  PATH_MAX_CHARACTERS,
  TOOL_EDITS_MAX,
  TOOL_LOCATIONS_MAX,
  TOOL_TEXT_MAX_CHARACTERS,
  TOOL_TITLE_MAX_CHARACTERS,
} from "../limits.ts";
import { clean, countOf, cutEnd, cutStart, type Fields, fieldsOf, listOf, textOf } from "./text.ts";

/** All edits of one call together, so that one event stays far below a frame of the uplink. */
const EDITS_TEXT_MAX_CHARACTERS = 65_536;
const TERMINALS_PER_TOOL_MAX = 8;

type Edit = NonNullable<ToolCall["edits"]>[number];

export interface ToolState {
  readonly itemId: ProviderItemId;
  title: string;
  kind: ToolKind;
  status: ToolStatus;
  locations: ToolLocation[];
  output: string;
  edits: Edit[];
  /** Terminals whose output belongs to this call. */
  terminals: string[];
  truncated: boolean;
}

/** An id that the contract can carry for the agent's, which may be empty or endless. */
export const boundedId = (foreignId: string): string => {
  const id = clean(foreignId);
  if (id !== "" && id.length <= PROVIDER_ID_MAX_CHARACTERS) return id;
  const digest = createHash("sha256").update(id).digest("hex").slice(0, 32);
  return `${cutEnd(id, 128)}…${digest}`;
};

export const itemIdOf = (toolCallId: string): ProviderItemId => boundedId(toolCallId) as ProviderItemId;

export const newTool = (itemId: ProviderItemId): ToolState => ({
  itemId,
  title: "",
  kind: "other",
  status: "pending",
  locations: [],
  output: "",
  edits: [],
  terminals: [],
  truncated: false,
});

const KINDS: Readonly<Record<string, ToolKind>> = {
  read: "read",
  edit: "edit",
  delete: "delete",
  move: "move",
  search: "search",
  execute: "execute",
  think: "think",
  fetch: "fetch",
};
const STATUSES: Readonly<Record<string, ToolStatus>> = {
  pending: "pending",
  in_progress: "running",
  completed: "completed",
  failed: "failed",
};

/** Any kind we have no word for, such as `switch_mode`, is `other`. */
export const toolKindOf = (value: unknown): ToolKind => KINDS[textOf(value) ?? ""] ?? "other";

/** Text of a content block; what is no text is named, so that a reader sees that something was there. */
export const blockText = (value: unknown): string => {
  const block = fieldsOf(value);
  switch (block["type"]) {
    case "text":
      return clean(textOf(block["text"]) ?? "");
    case "image":
    case "audio":
      return `[${String(block["type"])}: ${cutEnd(clean(textOf(block["mimeType"]) ?? "unknown type"), 128)}]`;
    case "resource_link": {
      const uri = cutEnd(clean(textOf(block["uri"]) ?? ""), PATH_MAX_CHARACTERS);
      return `[${cutEnd(clean(textOf(block["name"]) ?? uri), 256)}](${uri})`;
    }
    case "resource": {
      const resource = fieldsOf(block["resource"]);
      return clean(
        textOf(resource["text"]) ?? `[resource: ${cutEnd(textOf(resource["uri"]) ?? "", PATH_MAX_CHARACTERS)}]`,
      );
    }
    default:
      return "";
  }
};

const readLocations = (state: ToolState, value: unknown): void => {
  const all = listOf(value);
  if (all.length > TOOL_LOCATIONS_MAX) state.truncated = true;
  state.locations = all.slice(0, TOOL_LOCATIONS_MAX).flatMap((entry) => {
    const location = fieldsOf(entry);
    const path = textOf(location["path"]);
    if (path === undefined) return [];
    const line = countOf(location["line"]);
    return [{ path: cutEnd(clean(path), PATH_MAX_CHARACTERS), ...(line === undefined ? {} : { line }) }];
  });
};

const readContent = (state: ToolState, value: unknown): void => {
  const texts: string[] = [];
  state.edits = [];
  state.terminals = [];
  let editRoom = EDITS_TEXT_MAX_CHARACTERS;
  const side = (text: string): string => {
    const cut = cutEnd(clean(text), Math.min(TOOL_TEXT_MAX_CHARACTERS, editRoom));
    if (cut.length < text.length) state.truncated = true;
    editRoom -= cut.length;
    return cut;
  };
  for (const entry of listOf(value)) {
    const content = fieldsOf(entry);
    if (content["type"] === "content") texts.push(blockText(content["content"]));
    if (content["type"] === "terminal" && state.terminals.length < TERMINALS_PER_TOOL_MAX)
      state.terminals.push(textOf(content["terminalId"]) ?? "");
    if (content["type"] === "diff") {
      if (state.edits.length === TOOL_EDITS_MAX) {
        state.truncated = true;
        continue;
      }
      const oldText = textOf(content["oldText"]);
      state.edits.push({
        path: cutEnd(clean(textOf(content["path"]) ?? ""), PATH_MAX_CHARACTERS),
        oldText: oldText === undefined ? null : side(oldText),
        newText: side(textOf(content["newText"]) ?? ""),
      });
    }
  }
  setOutput(state, texts.filter((text) => text !== "").join("\n"));
};

const setOutput = (state: ToolState, text: string): void => {
  state.output = cutStart(text, TOOL_TEXT_MAX_CHARACTERS);
  if (state.output.length < text.length) state.truncated = true;
};

export const appendOutput = (state: ToolState, text: string): void => setOutput(state, state.output + text);

/** Takes over the fields that the change names; the others stay as they were. */
export const applyToolChange = (state: ToolState, change: Fields): void => {
  const title = textOf(change["title"]);
  if (title !== undefined) state.title = cutEnd(clean(title), TOOL_TITLE_MAX_CHARACTERS);
  if (textOf(change["kind"]) !== undefined) state.kind = toolKindOf(change["kind"]);
  const status = STATUSES[textOf(change["status"]) ?? ""];
  if (status !== undefined) state.status = status;
  if (Array.isArray(change["locations"])) readLocations(state, change["locations"]);
  if (Array.isArray(change["content"])) readContent(state, change["content"]);
  // Some agents give the output only raw; text is shown, a structure is the agent's own affair.
  const raw = textOf(change["rawOutput"]);
  if (raw !== undefined && state.output === "" && state.edits.length === 0) setOutput(state, clean(raw));
};

/** What the contract shows of it. `terminalOutput` gives the end of a terminal's output. */
export const toToolCall = (state: ToolState, terminalOutput: (terminalId: string) => string | undefined): ToolCall => {
  const all = [state.output, ...state.terminals.map((id) => clean(terminalOutput(id) ?? ""))]
    .filter((text) => text !== "")
    .join("\n");
  const output = cutStart(all, TOOL_TEXT_MAX_CHARACTERS);
  return {
    itemId: state.itemId,
    title: state.title,
    kind: state.kind,
    status: state.status,
    locations: [...state.locations],
    ...(output === "" ? {} : { output }),
    ...(state.edits.length === 0 ? {} : { edits: [...state.edits] }),
    ...(state.truncated || output.length < all.length ? { truncated: true } : {}),
  };
};

/** A call as its description alone tells it; for a question about one that is not open. */
export const describeTool = (change: Fields): ToolCall => {
  const state = newTool(itemIdOf(textOf(change["toolCallId"]) ?? ""));
  applyToolChange(state, change);
  return toToolCall(state, () => undefined);
};
