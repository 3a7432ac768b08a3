// The lines of one edit that a tool reports: what both sides share at start and end is left out but for a little context.
// Pure, and cheap enough for every frame; whole diffs come from the hub.

export interface EditLine {
  readonly mark: "+" | "-" | " ";
  readonly text: string;
}

const CONTEXT_LINES = 2;

export function editLines(oldText: string | null, newText: string): EditLine[] {
  const before = oldText === null || oldText === "" ? [] : oldText.replace(/\n$/, "").split("\n");
  const after = newText === "" ? [] : newText.replace(/\n$/, "").split("\n");
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end))
    end += 1;
  const marked = (mark: EditLine["mark"], lines: readonly string[]): EditLine[] =>
    lines.map((text) => ({ mark, text }));
  return [
    ...marked(" ", after.slice(Math.max(0, start - CONTEXT_LINES), start)),
    ...marked("-", before.slice(start, before.length - end)),
    ...marked("+", after.slice(start, after.length - end)),
    ...marked(" ", after.slice(after.length - end, after.length - end + CONTEXT_LINES)),
  ];
}
