/** The functions every Go template has: comparison, logic, len, index, slice, print, escaping. */
import { escapeHtml, escapeQuery } from "./escape.ts";
import { formatValue, sprint, sprintf } from "./format.ts";
import { type GoFunction, define } from "./function.ts";
import { isNil, isTrue, mapEntries, mapLookup, typeName } from "./value.ts";

type Kind = "bool" | "int" | "float" | "string" | "other";

function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "string";
    default:
      return "other";
  }
}

function equal(a: unknown, b: unknown): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  const kind = kindOf(a);
  if (kind !== kindOf(b)) throw new Error("incompatible types for comparison");
  if (kind !== "other") return a === b;
  for (const value of [a, b]) {
    if (Array.isArray(value) || mapEntries(value) !== undefined) {
      throw new Error(`non-comparable type ${formatValue(value)}: ${typeName(value)}`);
    }
  }
  return a === b || (typeName(a) === typeName(b) && formatValue(a) === formatValue(b));
}

function less(a: unknown, b: unknown): boolean {
  const kind = kindOf(a);
  if (kind === "other" || kindOf(b) === "other") throw new Error("invalid type for comparison");
  if (kind !== kindOf(b)) throw new Error("incompatible types for comparison");
  if (kind === "bool") throw new Error("invalid type for comparison");
  if (kind === "string") return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)) < 0;
  return (a as number) < (b as number);
}

function length(value: unknown): bigint {
  if (typeof value === "string") return BigInt(Buffer.byteLength(value, "utf8"));
  if (Array.isArray(value)) return BigInt(value.length);
  const entries = mapEntries(value);
  if (entries !== undefined) return BigInt(entries.length);
  throw new Error(isNil(value) ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

function indexValue(container: unknown, key: unknown): unknown {
  if (isNil(container)) throw new Error("index of untyped nil");
  const isMap = mapEntries(container) !== undefined;
  if (isMap) {
    if (typeof key === "string") return mapLookup(container, key)?.value;
    throw new Error(
      isNil(key) ? "value is nil; should be string" : `value has type ${typeName(key)}; should be string`,
    );
  }
  if (!Array.isArray(container) && typeof container !== "string") {
    throw new Error(`can't index item of type ${typeName(container)}`);
  }
  const at = indexOf(key);
  if (typeof container === "string") {
    const bytes = Buffer.from(container, "utf8");
    if (at >= bytes.length) throw new Error(`index out of range: ${at}`);
    return BigInt(bytes[at] as number);
  }
  if (at >= container.length) throw new Error(`index out of range: ${at}`);
  return container[at];
}

function indexOf(key: unknown): number {
  if (isNil(key)) throw new Error("cannot index slice/array with nil");
  if (typeof key !== "bigint") throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  if (key < 0n) throw new Error(`index out of range: ${key}`);
  return Number(key);
}

function slice(item: unknown, indexes: readonly unknown[]): unknown {
  if (isNil(item)) throw new Error("slice of untyped nil");
  if (indexes.length > 3) throw new Error(`too many slice indexes: ${indexes.length}`);
  if (typeof item !== "string" && !Array.isArray(item)) throw new Error(`can't slice item of type ${typeName(item)}`);
  if (typeof item === "string" && indexes.length === 3) throw new Error("cannot 3-index slice a string");
  const whole: Buffer | readonly unknown[] = typeof item === "string" ? Buffer.from(item, "utf8") : item;
  const bounds = indexes.map(indexOf);
  for (const bound of bounds) if (bound > whole.length) throw new Error(`index out of range: ${bound}`);
  const [from = 0, to = whole.length] = bounds;
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  return typeof item === "string" ? (whole as Buffer).subarray(from, to).toString("utf8") : whole.slice(from, to);
}

/** template.JSEscapeString. */
function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029\ufeff]/g, (ch) => {
    if (ch === "\\" || ch === "'" || ch === '"') return `\\${ch}`;
    return `\\u${ch.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

const text = (values: readonly unknown[]): string =>
  values.length === 1 && typeof values[0] === "string" ? values[0] : sprint(values);

export const goBuiltins: Readonly<Record<string, GoFunction>> = {
  and: define(["any"], (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1), "any"),
  or: define(["any"], (args) => args.find((arg) => isTrue(arg)) ?? args.at(-1), "any"),
  not: define(["any"], ([value]) => !isTrue(value)),
  eq: define(
    ["any"],
    ([first, ...others]) => {
      if (others.length === 0) throw new Error("missing argument for comparison");
      return others.some((other) => equal(first, other));
    },
    "any",
  ),
  ne: define(["any", "any"], ([a, b]) => !equal(a, b)),
  lt: define(["any", "any"], ([a, b]) => less(a, b)),
  le: define(["any", "any"], ([a, b]) => less(a, b) || equal(a, b)),
  gt: define(["any", "any"], ([a, b]) => !(less(a, b) || equal(a, b))),
  ge: define(["any", "any"], ([a, b]) => !less(a, b)),
  len: define(["any"], ([value]) => length(value)),
  index: define(["any"], ([item, ...keys]) => keys.reduce(indexValue, item), "any"),
  slice: define(["any"], ([item, ...indexes]) => slice(item, indexes), "any"),
  print: define([], sprint, "any"),
  println: define([], (args) => `${args.map(formatValue).join(" ")}\n`, "any"),
  printf: define(["string"], ([format, ...args]) => sprintf(format as string, args), "any"),
  html: define([], (args) => escapeHtml(text(args)), "any"),
  js: define([], (args) => escapeJs(text(args)), "any"),
  urlquery: define([], (args) => escapeQuery(text(args)), "any"),
  call: define(
    ["any"],
    ([called, ...args]) => {
      if (isNil(called)) throw new Error("call of nil");
      const target = called as Partial<GoFunction>;
      if (typeof target.call !== "function" || target.params === undefined) {
        throw new Error(`non-function ${formatValue(called)} of type ${typeName(called)}`);
      }
      return (target as GoFunction).call(args);
    },
    "any",
  ),
};
