// The files that a unified diff of git names: what happened to each, and how many lines came and went. For stored diffs
// over several turns, whose list was not kept beside them. Pure.
import type { DiffFile } from "@muster/contracts";

type Draft = { -readonly [Key in keyof DiffFile]: DiffFile[Key] };

/** In the order of the diff; of a diff that was cut, those that are left. */
export function filesOfPatch(diff: string): DiffFile[] {
  const files: Draft[] = [];
  let file: Draft | undefined;
  let isInHunk = false;
  for (const line of diff.split("\n")) {
    // No line of a hunk starts like this, because each has its own first character.
    if (line.startsWith("diff --git ")) {
      file = { path: pathOfHeader(line), status: "modified", additions: 0, deletions: 0, binary: false };
      files.push(file);
      isInHunk = false;
    } else if (file === undefined) {
    } else if (line.startsWith("@@ ")) {
      isInHunk = true;
    } else if (isInHunk) {
      if (line.startsWith("+")) file.additions = (file.additions ?? 0) + 1;
      else if (line.startsWith("-")) file.deletions = (file.deletions ?? 0) + 1;
    } else {
      readHeader(file, line);
    }
  }
  return joinTypeChanges(files);
}

function readHeader(file: Draft, line: string): void {
  const behind = (start: string): string | undefined => (line.startsWith(start) ? line.slice(start.length) : undefined);
  if (line.startsWith("new file mode ")) file.status = "added";
  else if (line.startsWith("deleted file mode ")) file.status = "deleted";
  else if (line.startsWith("Binary files ")) {
    file.binary = true;
    file.additions = null;
    file.deletions = null;
  }
  const from = behind("rename from ") ?? behind("copy from ");
  if (from !== undefined) file.previousPath = unquoted(from);
  const to = behind("rename to ") ?? behind("copy to ");
  if (to === undefined) return;
  file.path = unquoted(to);
  file.status = line.startsWith("copy") ? "copied" : "renamed";
}

/** Both halves name the same path, but for a rename, whose own lines follow. */
function pathOfHeader(line: string): string {
  const both = line.slice("diff --git ".length);
  return unquoted(both.slice((both.length + 1) / 2)).replace(/^b\//, "");
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, "\\": 92 };

/** git puts a path with a quote, a backslash or a control character in quotes, as C does. */
function unquoted(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  const bytes: Buffer[] = [];
  for (const [, octal, letter, plain] of text.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gs)) {
    if (plain !== undefined) bytes.push(Buffer.from(plain));
    else bytes.push(Buffer.from([octal === undefined ? (ESCAPES[letter ?? ""] ?? 63) : Number.parseInt(octal, 8)]));
  }
  return Buffer.concat(bytes).toString("utf8");
}

/** A file that became a link, or the other way round, is deleted and added under one name. */
function joinTypeChanges(files: readonly Draft[]): DiffFile[] {
  const joined: Draft[] = [];
  for (const file of files) {
    const last = joined.at(-1);
    if (last?.path !== file.path || last.status !== "deleted" || file.status !== "added") {
      joined.push(file);
      continue;
    }
    const sum = (one: number | null, other: number | null) => (one === null || other === null ? null : one + other);
    last.status = "type-changed";
    last.additions = sum(last.additions, file.additions);
    last.deletions = sum(last.deletions, file.deletions);
    last.binary ||= file.binary;
  }
  return joined;
}
