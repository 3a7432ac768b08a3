// Cuts Markdown into blocks that can be drawn one by one, so that while text streams only its last block is drawn again.
// A cut is made at a blank line outside of a fence, where the next line starts nothing that belongs to the block before
// (a list, a quote, an indented continuation). Pure.

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** Lines that may continue the block before them across a blank line. */
const CONTINUATION = /^(\s|[-*+]\s|\d+[.)]\s|>|\|)/;

export function markdownBlocks(text: string): string[] {
  const blocks: string[] = [];
  let current: string[] = [];
  let fence: string | null = null;
  let isBlank = false;
  for (const line of text.split("\n")) {
    const marker = FENCE.exec(line)?.[1];
    if (fence === null && isBlank && current.length > 0 && line.trim() !== "" && !CONTINUATION.test(line)) {
      blocks.push(current.join("\n"));
      current = [];
    }
    if (marker !== undefined) {
      if (fence === null) fence = marker;
      else if (marker[0] === fence[0] && marker.length >= fence.length && line.trim() === marker) fence = null;
    }
    isBlank = line.trim() === "";
    current.push(line);
  }
  if (current.length > 0) blocks.push(current.join("\n"));
  return blocks;
}
