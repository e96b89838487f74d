/**
 * Runs a parsed template over data, as Go's text/template/exec does: field paths, pipelines, scopes, branches.
 * Every failure is a TemplateError whose text is Go's: place, the piece of template, the reason. Missing keys of
 * maps give the zero value (Prometheus and Alertmanager set `missingkey=zero`); missing fields of structs fail.
 */
import type { Branch, Command, List, Node, Operand, Pipe, Tree } from "./ast.ts";
import { nodeText } from "./ast.ts";
import { toParam } from "./convert.ts";
import { TemplateError, goPlace } from "./error.ts";
import { escapeHtml } from "./escape.ts";
import { formatValue } from "./format.ts";
import type { GoFunction } from "./function.ts";
import type { Definitions } from "./parse.ts";
import { durationMethods, timeMethods } from "./time.ts";
import {
  GoDuration,
  GoTime,
  SafeText,
  type GoValue,
  isNil,
  isTrue,
  mapEntries,
  mapLookup,
  methodOf,
  structFields,
  typeName,
} from "./value.ts";

export interface ExecOptions {
  readonly name: string;
  readonly functions: Readonly<Record<string, GoFunction>>;
  readonly definitions: Definitions;
  readonly data: GoValue;
  readonly escape: "html" | undefined;
  readonly outputMax: number;
  readonly stepsMax: number;
}

/** Templates calling templates. */
const CALL_DEPTH_MAX = 100;
/** `range 1000000000` over a number stops here by itself; lists are as long as their data. */
const RANGE_INT_MAX = 100_000n;

/** Marks a value that a function made safe to print where escaping is on. */
const ESCAPERS: ReadonlySet<string> = new Set(["html", "urlquery"]);

/** Thrown by a function that needs an answer first (a query); passes through unchanged. */
export class Suspend extends Error {}

class LoopExit extends Error {
  readonly kind: "break" | "continue";
  constructor(kind: "break" | "continue") {
    super(kind);
    this.kind = kind;
  }
}

/** @throws TemplateError */
export function execute(root: Tree, options: ExecOptions): string {
  const run = new Run(options);
  run.tree(root, options.data);
  return run.output;
}

interface Scope {
  readonly tree: Tree;
  readonly variables: { readonly name: string; value: GoValue }[];
}

class Run {
  output = "";
  readonly #options: ExecOptions;
  #scope: Scope = { tree: { name: "", text: "", list: [] }, variables: [] };
  #at: { readonly pos: number; readonly text: () => string } = { pos: 0, text: () => "" };
  #steps = 0;
  #calls = 0;

  constructor(options: ExecOptions) {
    this.#options = options;
  }

  tree(tree: Tree, data: GoValue): void {
    const outer = this.#scope;
    this.#scope = { tree, variables: [{ name: "$", value: data }] };
    this.#list(tree.list, data);
    this.#scope = outer;
  }

  #fail(message: string, cause?: unknown): never {
    const { tree } = this.#scope;
    const place = goPlace(tree.text, this.#at.pos);
    throw new TemplateError(
      `template: ${this.#options.name}:${place}: executing ${JSON.stringify(tree.name)} at <${this.#at.text()}>: ${message}`,
      this.#at.pos,
      cause === undefined ? undefined : { cause },
    );
  }

  #mark(node: Operand | Command | Node): void {
    this.#at = { pos: node.pos, text: () => nodeText(node) };
    if (++this.#steps > this.#options.stepsMax) this.#fail(`more than ${this.#options.stepsMax} steps`);
  }

  #write(text: string): void {
    this.output += text;
    if (this.output.length > this.#options.outputMax) {
      this.#fail(`output longer than ${this.#options.outputMax} characters`);
    }
  }

  #list(list: List, dot: GoValue): void {
    for (const node of list) this.#node(node, dot);
  }

  #node(node: Node, dot: GoValue): void {
    this.#mark(node);
    switch (node.kind) {
      case "text":
        return this.#write(node.text);
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.declare.length === 0) this.#print(node, value);
        return;
      }
      case "if":
      case "with":
        return this.#condition(node, dot);
      case "range":
        return this.#range(node, dot);
      case "template":
        return this.#call(node, dot);
      case "break":
      case "continue":
        throw new LoopExit(node.kind);
    }
  }

  #print(node: Node & { readonly kind: "action" }, value: GoValue): void {
    this.#mark(node);
    if (typeof value === "function") this.#fail(`can't print ${nodeText(node)} of type func()`);
    const text = isNil(value) ? "<no value>" : formatValue(value);
    const last = node.pipe.commands.at(-1)?.args[0];
    const escaped = last?.kind === "function" && ESCAPERS.has(last.name);
    const raw = this.#options.escape === undefined || value instanceof SafeText || escaped;
    this.#write(raw ? text : escapeHtml(text));
  }

  #condition(node: Branch, dot: GoValue): void {
    const { variables } = this.#scope;
    const mark = variables.length;
    const value = this.#pipe(node.pipe, dot);
    if (isTrue(value)) this.#list(node.list, node.kind === "with" ? value : dot);
    else if (node.otherwise !== undefined) this.#list(node.otherwise, dot);
    variables.length = mark;
  }

  #range(node: Branch, dot: GoValue): void {
    const { variables } = this.#scope;
    const outer = variables.length;
    const value = this.#pipe({ ...node.pipe, declare: [], assign: false }, dot);
    this.#mark(node);
    const pairs = this.#pairs(node, value);
    const { declare, assign } = node.pipe;
    let some = false;
    for (const [key, element] of pairs) {
      some = true;
      this.#mark(node);
      const mark = variables.length;
      const values = declare.length === 1 ? [element] : [key, element];
      declare.forEach((name, i) =>
        assign ? this.#assign(name, values[i]) : variables.push({ name, value: values[i] }),
      );
      try {
        this.#list(node.list, element);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        if (error.kind === "break") break;
      } finally {
        variables.length = mark;
      }
    }
    if (!some && node.otherwise !== undefined) this.#list(node.otherwise, dot);
    variables.length = outer;
  }

  #pairs(node: Branch, value: GoValue): Iterable<readonly [GoValue, GoValue]> {
    if (isNil(value)) return [];
    if (Array.isArray(value)) return value.map((item: GoValue, i) => [BigInt(i), item] as const);
    if (typeof value === "bigint") {
      if (value > RANGE_INT_MAX) this.#fail(`range over more than ${RANGE_INT_MAX}`);
      return upTo(value);
    }
    const entries = mapEntries(value);
    if (entries !== undefined) return entries;
    this.#at = { pos: node.pipe.pos, text: () => nodeText(node.pipe) };
    return this.#fail(`range can't iterate over ${formatValue(value)}`);
  }

  #call(node: Node & { readonly kind: "template" }, dot: GoValue): void {
    const tree = this.#options.definitions.get(node.name);
    if (tree === undefined) this.#fail(`template ${JSON.stringify(node.name)} not defined`);
    if (++this.#calls > CALL_DEPTH_MAX) this.#fail(`exceeded maximum template depth (${CALL_DEPTH_MAX})`);
    this.tree(tree, node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot));
    this.#calls--;
  }

  #assign(name: string, value: GoValue): void {
    const found = this.#scope.variables.findLast((variable) => variable.name === name);
    if (found === undefined) this.#fail(`undefined variable: ${name}`);
    found.value = value;
  }

  #pipe(pipe: Pipe, dot: GoValue): GoValue {
    this.#mark(pipe);
    let final: { readonly value: GoValue } | undefined;
    for (const command of pipe.commands) final = { value: this.#command(command, dot, final) };
    const value = final?.value;
    for (const name of pipe.declare) {
      if (pipe.assign) this.#assign(name, value);
      else this.#scope.variables.push({ name, value });
    }
    return value;
  }

  #command(command: Command, dot: GoValue, final: { readonly value: GoValue } | undefined): GoValue {
    const first = command.args[0] as Operand;
    const rest = command.args.slice(1);
    switch (first.kind) {
      case "function":
        return this.#function(first.name, command, rest, dot, final);
      case "field":
        return this.#path(first, dot, first.names, rest, dot, final);
      case "variable":
        return this.#path(first, this.#variable(first.name), first.names, rest, dot, final);
      case "chain":
        return this.#path(first, this.#operand(first.base, dot), first.names, rest, dot, final);
      default:
    }
    this.#mark(first);
    if (rest.length > 0 || final !== undefined) this.#fail(`can't give argument to non-function ${nodeText(first)}`);
    if (first.kind === "nil") this.#fail("nil is not a command");
    return this.#operand(first, dot);
  }

  /** A value without arguments. */
  #operand(node: Operand, dot: GoValue): GoValue {
    this.#mark(node);
    switch (node.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "bool":
      case "number":
      case "string":
        return node.value;
      case "pipe":
        return this.#pipe(node, dot);
      case "function":
        return this.#function(node.name, node, [], dot, undefined);
      case "field":
        return this.#path(node, dot, node.names, [], dot, undefined);
      case "variable":
        return this.#path(node, this.#variable(node.name), node.names, [], dot, undefined);
      case "chain":
        return this.#path(node, this.#operand(node.base, dot), node.names, [], dot, undefined);
    }
  }

  #variable(name: string): GoValue {
    const found = this.#scope.variables.findLast((variable) => variable.name === name);
    if (found === undefined) this.#fail(`undefined variable: ${name}`);
    return found.value;
  }

  #path(
    node: Operand,
    start: GoValue,
    names: readonly string[],
    args: readonly Operand[],
    dot: GoValue,
    final: { readonly value: GoValue } | undefined,
  ): GoValue {
    this.#mark(node);
    if (names.length === 0 && (args.length > 0 || final !== undefined)) {
      this.#fail(`can't give argument to non-function ${nodeText(node)}`);
    }
    let value = start;
    names.forEach((name, i) => {
      this.#mark(node);
      const last = i === names.length - 1;
      value = this.#field(node, value, name, last ? args : [], dot, last ? final : undefined);
    });
    return value;
  }

  #field(
    node: Operand,
    receiver: GoValue,
    name: string,
    args: readonly Operand[],
    dot: GoValue,
    final: { readonly value: GoValue } | undefined,
  ): GoValue {
    const method = builtInMethod(receiver, name) ?? methodOf(receiver, name);
    if (method !== undefined) return this.#apply(name, method, node, args, dot, final);
    const hasArgs = args.length > 0 || final !== undefined;
    if (isNil(receiver)) this.#fail(`nil data; no entry for key ${JSON.stringify(name)}`);
    const fields = structFields(receiver);
    if (fields !== undefined && Object.hasOwn(fields, name)) {
      if (hasArgs) this.#fail(`${name} has arguments but cannot be invoked as function`);
      return fields[name];
    }
    const looked = mapLookup(receiver, name);
    if (looked !== undefined) {
      if (hasArgs) this.#fail(`${name} is not a method but has arguments`);
      return looked.value;
    }
    return this.#fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
  }

  #function(
    name: string,
    node: Operand | Command,
    args: readonly Operand[],
    dot: GoValue,
    final: { readonly value: GoValue } | undefined,
  ): GoValue {
    this.#mark(node.kind === "command" ? (node.args[0] as Operand) : node);
    if (name === "and" || name === "or") return this.#shortCircuit(name, args, dot, final);
    const found = this.#options.functions[name];
    if (found === undefined) this.#fail(`${JSON.stringify(name)} is not a defined function`);
    return this.#apply(name, found, node, args, dot, final);
  }

  #shortCircuit(
    name: "and" | "or",
    args: readonly Operand[],
    dot: GoValue,
    final: { readonly value: GoValue } | undefined,
  ): GoValue {
    if (args.length === 0 && final === undefined) {
      this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: GoValue;
    for (const arg of args) {
      value = this.#operand(arg, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return final === undefined ? value : final.value;
  }

  #apply(
    name: string,
    called: GoFunction,
    node: Operand | Command,
    args: readonly Operand[],
    dot: GoValue,
    final: { readonly value: GoValue } | undefined,
  ): GoValue {
    const count = args.length + (final === undefined ? 0 : 1);
    const want = called.params.length;
    if (called.variadic === undefined ? count !== want : count < want) {
      this.#fail(
        `wrong number of args for ${name}: want ${called.variadic === undefined ? "" : "at least "}${want} got ${count}`,
      );
    }
    const values = args.map((arg, i) => {
      const literal = arg.kind === "number" || arg.kind === "string" || arg.kind === "bool" || arg.kind === "nil";
      const value = this.#operand(arg, dot);
      this.#mark(arg);
      return this.#param(called.params[i] ?? called.variadic ?? "any", value, literal ? nodeText(arg) : undefined);
    });
    if (final !== undefined)
      values.push(this.#param(called.params[args.length] ?? called.variadic ?? "any", final.value, undefined));
    this.#mark(node);
    try {
      return called.call(values);
    } catch (error) {
      if (error instanceof Suspend || error instanceof TemplateError) throw error;
      return this.#fail(`error calling ${name}: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }

  #param(want: GoFunction["params"][number], value: GoValue, literal: string | undefined): GoValue {
    const converted = toParam(want, value, literal);
    return "error" in converted ? this.#fail(converted.error) : converted.value;
  }
}

function* upTo(end: bigint): Generator<readonly [bigint, bigint]> {
  for (let i = 0n; i < end; i++) yield [i, i];
}

function builtInMethod(receiver: GoValue, name: string): GoFunction | undefined {
  if (receiver instanceof GoTime && Object.hasOwn(timeMethods, name)) return timeMethods[name]?.(receiver);
  if (receiver instanceof GoDuration && Object.hasOwn(durationMethods, name)) return durationMethods[name]?.(receiver);
  return undefined;
}
