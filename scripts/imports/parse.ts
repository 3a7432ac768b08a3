// What one source file imports, and where it reaches for time or chance by itself, read from its syntax tree.
// Type-only imports count: a type is a dependency too.
import { parseSync } from "rolldown/utils";

/** A place in a file: 1-based line. */
export interface Finding {
  text: string;
  line: number;
}

export interface ParsedFile {
  imports: Finding[];
  /** Uses of the wall clock, timers and randomness, such as `Date.now`. */
  impurities: Finding[];
  /** Why the file could not be read, when it could not. */
  error?: string;
}

interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

const impureGlobals = new Set(["setTimeout", "setInterval", "setImmediate", "requestAnimationFrame", "performance"]);
const impureMembers = new Set([
  "Date.now",
  "Math.random",
  "crypto.randomUUID",
  "crypto.getRandomValues",
  "globalThis.setTimeout",
  "globalThis.setInterval",
  "globalThis.performance",
  "globalThis.crypto",
]);

export function parseFile(path: string, source: string): ParsedFile {
  const { program, errors } = parseSync(path, source);
  const imports: Finding[] = [];
  const impurities: Finding[] = [];
  const add = (list: Finding[], node: Node, text: string | undefined) => {
    if (text !== undefined) list.push({ text, line: source.slice(0, node.start).split("\n").length });
  };
  walk(program as unknown as Node, (node) => {
    add(imports, node, importOf(node));
    add(impurities, node, impurityOf(node));
  });
  return { imports, impurities, ...(errors[0] && { error: errors[0].message }) };
}

function importOf(node: Node): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node.source ?? node.argument);
    case "TSExternalModuleReference":
      return literal(node.expression);
    case "CallExpression":
      return ["require", "require.resolve", "import.meta.resolve"].includes(dotted(node.callee))
        ? literal((node.arguments as unknown[])[0])
        : undefined;
    default:
      return undefined;
  }
}

function impurityOf(node: Node): string | undefined {
  if (node.type === "MemberExpression") {
    const name = dotted(node);
    return impureMembers.has(name) || impureGlobals.has(dotted(node.object)) ? name : undefined;
  }
  if (node.type === "NewExpression" && dotted(node.callee) === "Date" && (node.arguments as unknown[]).length === 0) {
    return "new Date()";
  }
  if (node.type === "CallExpression") {
    const name = dotted(node.callee);
    return name === "Date" || impureGlobals.has(name) ? `${name}()` : undefined;
  }
  return undefined;
}

/** `a.b.c` of a chain of plain members; the empty string for anything else. */
function dotted(value: unknown): string {
  if (!isNode(value)) return "";
  if (value.type === "Identifier") return String(value.name);
  if (value.type === "MetaProperty") return `${dotted(value.meta)}.${dotted(value.property)}`;
  if (value.type !== "MemberExpression") return "";
  const object = dotted(value.object);
  const property = value.computed ? literal(value.property) : dotted(value.property);
  return object && property ? `${object}.${property}` : "";
}

function literal(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "TSLiteralType") return literal(value.literal);
  if (value.type === "Literal" && typeof value.value === "string") return value.value;
  const quasis = value.quasis as { value: { cooked: string } }[] | undefined;
  return value.type === "TemplateLiteral" && quasis?.length === 1 ? quasis[0]?.value.cooked : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, visit);
    }
  }
}
