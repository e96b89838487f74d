/** Functions a template may call: parameter types as Go would have them, checked before the call. */

export type ParamType = "any" | "string" | "int" | "float" | "bool" | "strings" | "time" | "vector" | "sample";

export interface GoFunction {
  readonly params: readonly ParamType[];
  /** Type of further arguments. */
  readonly variadic: ParamType | undefined;
  /** Receives Go values of the declared types. @throws Error, its text becomes `error calling name: …`. */
  readonly call: (args: readonly unknown[]) => unknown;
}

export function define(
  params: readonly ParamType[],
  call: (args: readonly unknown[]) => unknown,
  variadic?: ParamType,
): GoFunction {
  return { params, call, variadic };
}
