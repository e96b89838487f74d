/**
 * Go values in JS: number = float64, bigint = int, string, boolean, array = slice, Labels = map[string]string,
 * Map = map[string]interface{}, GoStruct or a plain object = struct, undefined and null = nil. Int and float are
 * kept apart because Go does: `gt $value 0` is an error, and `%d` of a float is `%!d(float64=0.1)`.
 */
import { Labels, compareUtf8 } from "../model/labels.ts";
import type { GoFunction } from "./function.ts";
import { GoDuration, GoTime } from "./time.ts";

export { GoDuration, GoTime } from "./time.ts";

export type GoValue = unknown;

/** A value may carry methods beside its fields or elements; Go looks for these first. */
export const METHODS: unique symbol = Symbol("methods");
export interface WithMethods {
  readonly [METHODS]: Readonly<Record<string, GoFunction>>;
}

/** Text that is printed as it is where escaping is on. */
export class SafeText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A struct with Go's name of its type; asking for a field it lacks is an error. */
export class GoStruct {
  readonly typeName: string;
  readonly fields: Readonly<Record<string, GoValue>>;
  readonly methods: Readonly<Record<string, GoFunction>>;
  constructor(
    typeName: string,
    fields: Readonly<Record<string, GoValue>>,
    methods: Readonly<Record<string, GoFunction>> = {},
  ) {
    this.typeName = typeName;
    this.fields = fields;
    this.methods = methods;
  }
}

/** A map[string]string that has methods (Alertmanager's KV). */
export class GoStringMap {
  readonly labels: Labels;
  readonly typeName: string;
  readonly methods: Readonly<Record<string, GoFunction>>;
  constructor(typeName: string, labels: Labels, methods: Readonly<Record<string, GoFunction>>) {
    this.typeName = typeName;
    this.labels = labels;
    this.methods = methods;
  }
}

export function withMethods<T extends object>(
  value: T,
  methods: Readonly<Record<string, GoFunction>>,
): T & WithMethods {
  return Object.assign(value, { [METHODS]: methods });
}

export function methodOf(value: GoValue, name: string): GoFunction | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const own = value instanceof GoStruct || value instanceof GoStringMap ? value.methods : undefined;
  const methods = own ?? (METHODS in value ? (value as WithMethods)[METHODS] : {});
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

export function isNil(value: GoValue): value is null | undefined {
  return value === undefined || value === null;
}

/** Entries of a map sorted by key, or undefined when the value is no map. */
export function mapEntries(value: GoValue): readonly (readonly [string, GoValue])[] | undefined {
  if (value instanceof Labels) return [...value];
  if (value instanceof GoStringMap) return [...value.labels];
  if (value instanceof Map) {
    return [...(value as ReadonlyMap<string, GoValue>)].sort((a, b) => compareUtf8(String(a[0]), String(b[0])));
  }
  return undefined;
}

/** A map's value, its zero ("" of string maps, nil of others) when missing; undefined when the value is no map. */
export function mapLookup(map: GoValue, key: string): { readonly value: GoValue } | undefined {
  if (map instanceof Labels) return { value: map.get(key) };
  if (map instanceof GoStringMap) return { value: map.labels.get(key) };
  if (map instanceof Map) return { value: (map as ReadonlyMap<string, GoValue>).get(key) };
  return undefined;
}

/** A struct's fields in declaration order, or undefined. */
export function structFields(value: GoValue): Readonly<Record<string, GoValue>> | undefined {
  if (value instanceof GoStruct) return value.fields;
  if (typeof value !== "object" || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? (value as Record<string, GoValue>) : undefined;
}

/** Go's name of the value's type, for messages and `%T`. */
export function typeName(value: GoValue): string {
  if (isNil(value)) return "<nil>";
  switch (typeof value) {
    case "number":
      return "float64";
    case "bigint":
      return "int";
    case "string":
      return "string";
    case "boolean":
      return "bool";
    default:
  }
  if (value instanceof GoStruct || value instanceof GoStringMap) return value.typeName;
  if (value instanceof SafeText) return "template.HTML";
  if (value instanceof GoTime) return "time.Time";
  if (value instanceof GoDuration) return "time.Duration";
  if (value instanceof Labels) return "map[string]string";
  if (value instanceof Map) return "map[string]interface {}";
  if (Array.isArray(value)) return value.every((x) => typeof x === "string") ? "[]string" : "[]interface {}";
  if (structFields(value) !== undefined) return "struct";
  return "func()";
}

/** Empty values are false: 0, "", nil, empty map or slice. */
export function isTrue(value: GoValue): boolean {
  if (isNil(value)) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "bigint") return value !== 0n;
  if (typeof value === "string") return value !== "";
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof GoDuration) return value.ns !== 0n;
  const entries = mapEntries(value);
  return entries === undefined ? true : entries.length > 0;
}
