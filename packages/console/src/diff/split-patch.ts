// Cuts a unified diff of many files into one piece per file, named by the path after the change (before it, for a deleted
// file). Pure. Git writes paths with unusual characters in quotes with octal bytes; they are read as such.

export interface FilePatch {
  readonly path: string;
  /** From the `diff --git` line to the line before the next one. */
  readonly text: string;
  /** Whether it has lines to show; a binary file or a mere rename has none. */
  readonly hasHunks: boolean;
}

export function splitPatch(diff: string): FilePatch[] {
  const starts = [...diff.matchAll(/^diff --git /gm)].map((match) => match.index);
  return starts.map((start, index) => {
    const text = diff.slice(start, starts[index + 1] ?? diff.length);
    return { path: pathOf(text), text, hasHunks: /^@@ /m.test(text) };
  });
}

function pathOf(text: string): string {
  const head = text.slice(0, hunkStart(text));
  const after = /^\+\+\+ (.+)$/m.exec(head)?.[1];
  const before = /^--- (.+)$/m.exec(head)?.[1];
  const renamed = /^rename to (.+)$/m.exec(head)?.[1];
  if (renamed !== undefined) return unquote(renamed);
  const named = after !== undefined && after !== "/dev/null" ? after : before;
  if (named !== undefined) return unquote(named.replace(/\t$/, "")).replace(/^[abciow]\//, "");
  // A binary or empty file has only its first line, which names the same path twice.
  const line = text.slice("diff --git ".length, (text.indexOf("\n") + 1 || text.length + 1) - 1);
  const second = line.startsWith('"')
    ? line.slice(line.indexOf('" ') + 2)
    : line.slice(Math.floor(line.length / 2) + 1);
  return unquote(second).replace(/^[abciow]\//, "");
}

const hunkStart = (text: string): number => {
  const at = text.search(/^@@ /m);
  return at < 0 ? text.length : at;
};

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, '"': 34, "\\": 92, a: 7, b: 8, f: 12, v: 11 };

function unquote(name: string): string {
  if (!name.startsWith('"') || !name.endsWith('"')) return name;
  const bytes: number[] = [];
  for (const match of name.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gsu)) {
    const [, octal, escaped, plain] = match;
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (escaped !== undefined) bytes.push(ESCAPES[escaped] ?? escaped.charCodeAt(0));
    else bytes.push(...new TextEncoder().encode(plain));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
