// A project's files for a person: a tree with its lines drawn, and a file as a terminal may show it.
import type { FileContent, FileEntry, FileTree } from "@muster/contracts";
import { refusal } from "../errors.ts";
import type { Paint } from "../shell.ts";
import { counted, oneLine, safeText, sizeText } from "./text.ts";

interface Branch {
  readonly entry: FileEntry;
  readonly children: Branch[];
}

/** As deep as the entries go, with a last line that counts them. */
export function treeText({ path, entries, truncated }: FileTree, paint: Paint): string {
  const roots: Branch[] = [];
  const folders = new Map<string, Branch[]>([[path, roots]]);
  for (const entry of entries) {
    const branch: Branch = { entry, children: [] };
    (folders.get(parentOf(entry.path)) ?? roots).push(branch);
    if (entry.kind === "folder") folders.set(entry.path, branch.children);
  }
  const lines = linesOf(roots, "", paint);
  const files = entries.filter(({ kind }) => kind !== "folder").length;
  const count = `${counted(entries.length - files, "folder")}, ${counted(files, "file")}`;
  const summary = truncated ? paint("yellow", `… more than fits: ${count} shown`) : paint("dim", count);
  return [...lines, summary].map((line) => `${line}\n`).join("");
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

function linesOf(branches: readonly Branch[], indent: string, paint: Paint): string[] {
  return branches.flatMap(({ entry, children }, index) => {
    const isLast = index === branches.length - 1;
    const line = `${paint("dim", indent + (isLast ? "└── " : "├── "))}${labelOf(entry, paint)}`;
    return [line, ...linesOf(children, indent + (isLast ? "    " : "│   "), paint)];
  });
}

function labelOf({ path, kind, leadsTo, sizeBytes }: FileEntry, paint: Paint): string {
  const name = oneLine(path.slice(path.lastIndexOf("/") + 1));
  if (kind === "folder") return paint(["bold", "blue"], `${name}/`);
  if (kind === "link") return `${paint("cyan", name)} ${paint("dim", `(link to ${leadsTo ?? "nothing in here"})`)}`;
  if (kind === "other") return paint("dim", `${name} (cannot be shown)`);
  return sizeBytes === null ? name : `${name} ${paint("dim", sizeText(sizeBytes))}`;
}

/**
 * What goes to standard output: the very bytes where it is no terminal, and there text that moves no cursor.
 * @throws MusterError `validation_failed` for bytes that are no text, on a terminal.
 */
export function contentOutput(file: FileContent, isTerminal: boolean): string | Uint8Array {
  if (!isTerminal) return Buffer.from(file.content, file.encoding === "base64" ? "base64" : "utf8");
  if (file.encoding === "base64") {
    throw refusal(
      "validation_failed",
      `${file.path} holds ${sizeText(file.sizeBytes)} that are no text, which a terminal cannot show.`,
      "Send it into a file: `muster files show <path> > copy`.",
    );
  }
  const text = safeText(file.content);
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
