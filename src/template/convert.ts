/** Arguments to parameter types, with Go's words when they do not fit. */
import type { ParamType } from "./function.ts";
import { GoTime, SafeText, structFields, typeName } from "./value.ts";

const GO_NAME: Readonly<Record<ParamType, string>> = {
  any: "interface {}",
  string: "string",
  int: "int",
  float: "float64",
  bool: "bool",
  strings: "[]string",
  time: "time.Time",
  vector: "template.queryResult",
  sample: "*template.sample",
};

/** A literal of the template is an untyped constant: `1` fits a float parameter, a variable holding an int does not. */
export function toParam(
  want: ParamType,
  value: unknown,
  literal: string | undefined,
): { readonly value: unknown } | { readonly error: string } {
  if (want === "any") return { value };
  if (want === "float" && literal !== undefined && typeof value === "bigint") return { value: Number(value) };
  if (fits(want, value)) return { value: want === "string" && value instanceof SafeText ? value.text : value };
  return {
    error:
      literal === undefined
        ? `wrong type for value; expected ${GO_NAME[want]}; got ${typeName(value)}`
        : literal === "nil"
          ? `cannot assign nil to ${GO_NAME[want]}`
          : COMPOSITE.has(want)
            ? `can't handle ${literal} for arg of type ${GO_NAME[want]}`
            : `expected ${EXPECTED[want] ?? GO_NAME[want]}; found ${literal}`,
  };
}

/** Types no literal can have. */
const COMPOSITE: ReadonlySet<ParamType> = new Set(["strings", "time", "vector", "sample"]);
const EXPECTED: Partial<Record<ParamType, string>> = { int: "integer", float: "float" };

function fits(want: ParamType, value: unknown): boolean {
  switch (want) {
    case "any":
      return true;
    case "string":
      return typeof value === "string" || value instanceof SafeText;
    case "int":
      return typeof value === "bigint";
    case "float":
      return typeof value === "number";
    case "bool":
      return typeof value === "boolean";
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string");
    case "time":
      return value instanceof GoTime;
    case "vector":
      return Array.isArray(value);
    case "sample":
      return structFields(value) !== undefined;
  }
}
