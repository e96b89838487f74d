/**
 * Reads the project's source with a real parser: every import with its kind, the length of every function and the
 * calls that reach for the real clock. Used by test/arch.test.ts; type-only imports count as arrows as well, which
 * is why a bundler's list of inputs, where they no longer exist, is not enough.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSync, Visitor } from "oxc-parser";

export interface ImportOf {
  readonly specifier: string;
  /** `type` imports vanish at run time; `lazy` ones are `import()`. */
  readonly kind: "value" | "type" | "lazy";
  readonly line: number;
}

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly file: string;
  readonly lines: number;
  readonly header: boolean;
  readonly imports: readonly ImportOf[];
  readonly functions: readonly { readonly line: number; readonly lines: number }[];
  /** `Date.now()`, `new Date()`, `setTimeout()` and the like. */
  readonly clockReads: readonly { readonly line: number; readonly what: string }[];
}

const TIMERS = new Set(["setTimeout", "setInterval"]);

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/** @throws Error with the parser's message when the text is not TypeScript. */
export function readSource(file: string, text: string): SourceFile {
  const { program, module, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message ?? "does not parse"}`);
  const lineAt = lineFinder(text);
  const imports: ImportOf[] = [];
  const functions: { line: number; lines: number }[] = [];
  const clockReads: { line: number; what: string }[] = [];
  for (const found of module.staticImports) {
    const typeOnly = found.entries.length > 0 && found.entries.every((entry) => entry.isType);
    imports.push({
      specifier: found.moduleRequest.value,
      kind: typeOnly ? "type" : "value",
      line: lineAt(found.start),
    });
  }
  for (const found of module.staticExports) {
    for (const entry of found.entries) {
      if (entry.moduleRequest === null) continue;
      imports.push({
        specifier: entry.moduleRequest.value,
        kind: entry.isType ? "type" : "value",
        line: lineAt(found.start),
      });
    }
  }
  const measure = (node: { readonly start: number; readonly end: number }): void => {
    const line = lineAt(node.start);
    functions.push({ line, lines: lineAt(node.end) - line + 1 });
  };
  const visitor = new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
    ImportExpression(node) {
      const { source } = node;
      const specifier = source.type === "Literal" ? String(source.value) : "(computed)";
      imports.push({ specifier, kind: "lazy", line: lineAt(node.start) });
    },
    TSImportType(node) {
      imports.push({ specifier: node.source.value, kind: "type", line: lineAt(node.start) });
    },
    CallExpression({ callee, start, arguments: [first] }) {
      if (callee.type === "Identifier" && callee.name === "require" && first?.type === "Literal") {
        imports.push({ specifier: String(first.value), kind: "value", line: lineAt(start) });
      }
      if (callee.type === "Identifier" && TIMERS.has(callee.name)) {
        clockReads.push({ line: lineAt(start), what: `${callee.name}()` });
      }
      if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return;
      if (callee.property.type !== "Identifier") return;
      const what = `${callee.object.name}.${callee.property.name}`;
      if (what === "Date.now") clockReads.push({ line: lineAt(start), what: "Date.now()" });
    },
    NewExpression({ callee, start, arguments: given }) {
      if (callee.type === "Identifier" && callee.name === "Date" && given.length === 0) {
        clockReads.push({ line: lineAt(start), what: "new Date()" });
      }
    },
  });
  visitor.visit(program);
  return {
    file,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    header: /^(#!.*\n)?\s*(\/\*\*|\/\/)/.test(text),
    imports,
    functions,
    clockReads,
  };
}

/** Every .ts and .tsx file under the folders, in name order. */
export function readTree(root: string, folders: readonly string[]): readonly SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    const names = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
    for (const name of names.filter((each) => /\.tsx?$/.test(each)).sort()) {
      const file = path.posix.join(folder, name);
      files.push(readSource(file, readFileSync(path.join(root, file), "utf8")));
    }
  }
  return files;
}
