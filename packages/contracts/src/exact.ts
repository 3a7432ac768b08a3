// A quick way to say yes: whether a schema would give back a JSON value as it is. Checking each payload of a long log by the
// schemas themselves costs more than all else that is done with it. "No" means "ask the schema", so what is not known here
// is only slower, and a wrong value is found by the schema and nobody else.
import type { z } from "zod";

type Schema = z.core.$ZodType;
type Check = (value: unknown) => boolean;
type Definition = Readonly<Record<string, unknown>> & { readonly type: string };

const never: Check = () => false;

const definitionOf = (schema: Schema): Definition => schema._zod.def as unknown as Definition;

/** For values that JSON.parse made, nothing else. The order of the outermost fields is not looked at. */
export const exactly = (schema: Schema): Check => checkOf(schema, false);

function checkOf(schema: Schema, isOrdered = true): Check {
  const definition = definitionOf(schema);
  const rules = rulesOf(definition, schema);
  const base = baseOf(definition, isOrdered);
  if (rules === null || base === null) return never;
  const [first, second] = rules;
  if (first === undefined) return base;
  if (second === undefined) return (value) => base(value) && first(value);
  return (value) => base(value) && rules.every((rule) => rule(value));
}

function baseOf(definition: Definition, isOrdered: boolean): Check | null {
  switch (definition.type) {
    case "string":
      return (value) => typeof value === "string";
    case "number":
      return Number.isFinite;
    case "boolean":
      return (value) => typeof value === "boolean";
    case "unknown":
      return () => true;
    case "literal":
      return oneOf(definition["values"] as readonly unknown[]);
    case "enum":
      return oneOf(Object.values(definition["entries"] as object));
    case "nullable": {
      const inner = checkOf(definition["innerType"] as Schema, isOrdered);
      return (value) => value === null || inner(value);
    }
    // A value that is there is the inner schema's; what is missing would be filled in.
    case "default":
      return checkOf(definition["innerType"] as Schema, isOrdered);
    case "array": {
      const element = checkOf(definition["element"] as Schema);
      return (value) => Array.isArray(value) && value.every(element);
    }
    case "record":
      return isAnyRecord(definition) ? isObject : null;
    case "object":
      return isClosed(definition["catchall"]) ? objectOf(definition["shape"] as Shape, isOrdered) : null;
    default:
      return null;
  }
}

const oneOf = (values: readonly unknown[]): Check => {
  const known = new Set(values);
  return (value) => known.has(value);
};

/** The schema leaves this key out, wherever it copies keys. */
const isObject: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Object.hasOwn(value, "__proto__");

const isAnyRecord = (definition: Definition): boolean => {
  const key = definitionOf(definition["keyType"] as Schema);
  return (
    key.type === "string" &&
    rulesOf(key, definition["keyType"] as Schema)?.length === 0 &&
    definitionOf(definition["valueType"] as Schema).type === "unknown" &&
    rulesOf(definition, undefined)?.length === 0
  );
};

/** Unknown fields are left out, or refused. */
const isClosed = (catchall: unknown): boolean =>
  catchall === undefined || definitionOf(catchall as Schema).type === "never";

type Shape = Readonly<Record<string, Schema>>;

/** No other fields, because the schema would leave them out; and, inside, in the schema's order, as it would put them. */
function objectOf(shape: Shape, isOrdered: boolean): Check {
  const fields = new Map(
    Object.entries(shape).map(([name, field], place) => {
      const definition = definitionOf(field);
      const isOptional = definition.type === "optional";
      return [name, { place, isOptional, check: checkOf(isOptional ? (definition["innerType"] as Schema) : field) }];
    }),
  );
  const required = [...fields].flatMap(([name, { isOptional }]) => (isOptional ? [] : [name])).length;
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    let missing = required;
    let last = -1;
    for (const name in value) {
      const field = fields.get(name);
      if (field === undefined || !field.check((value as Record<string, unknown>)[name])) return false;
      if (isOrdered && field.place < last) return false;
      last = field.place;
      if (!field.isOptional) missing -= 1;
    }
    return missing === 0;
  };
}

/** What a schema asks beyond its type. null where it asks something that is not known here. */
function rulesOf(definition: Definition, schema: Schema | undefined): readonly Check[] | null {
  const checks = (definition["checks"] ?? []) as readonly { readonly _zod: { readonly def: Readonly<Definition> } }[];
  // A number's format is a schema and a check in one.
  const own = definition["check"] === undefined ? [] : [definition];
  const rules = [...own, ...checks.filter((check) => (check as unknown) !== schema).map((check) => check._zod.def)].map(
    ruleOf,
  );
  return rules.includes(null) ? null : (rules as readonly Check[]);
}

function ruleOf(definition: Readonly<Record<string, unknown>>): Check | null {
  const { maximum, minimum, value: bound } = definition as Readonly<Record<string, number>>;
  switch (definition["check"]) {
    case "number_format":
      return definition["format"] === "safeint" ? Number.isSafeInteger : null;
    case "greater_than":
      if (bound === undefined) return null;
      return definition["inclusive"] === true
        ? (value) => (value as number) >= bound
        : (value) => (value as number) > bound;
    case "max_length":
      return maximum === undefined ? null : (value) => (value as string).length <= maximum;
    case "min_length":
      return minimum === undefined ? null : (value) => (value as string).length >= minimum;
    case "string_format": {
      const pattern = definition["pattern"];
      // One with a memory would answer by what it was asked before.
      if (definition["format"] !== "regex" || !(pattern instanceof RegExp) || pattern.global || pattern.sticky)
        return null;
      return (value) => pattern.test(value as string);
    }
    case "overwrite": {
      const change = definition["tx"] as (value: unknown) => unknown;
      return (value) => change(value) === value;
    }
    default:
      return null;
  }
}
