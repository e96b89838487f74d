/**
 * Go's text/template, as far as rule files and Alertmanager messages go: text in, a compiled template out that
 * renders data any number of times. Unknown functions and syntax are refused when compiling, with line and
 * column; a failure while rendering is an error whose text is Go's, because Prometheus puts it into annotations.
 * Output size and loop steps are bounded: templates work on what exporters and clients send.
 */
import { UserError } from "../base/errors.ts";
import { goBuiltins } from "./builtins.ts";
import { TemplateError } from "./error.ts";
import { execute } from "./exec.ts";
import type { GoFunction } from "./function.ts";
import { type Definitions, parseTemplate } from "./parse.ts";

export { TemplateError } from "./error.ts";
export type { GoFunction } from "./function.ts";

export interface TemplateOptions {
  /** Stands in messages: `template: NAME:1:5: …`. */
  readonly name: string;
  /** Beside Go's own (printf, eq, len …). */
  readonly functions?: Readonly<Record<string, GoFunction>> | undefined;
  /** Templates defined elsewhere (`{{ template "x" . }}`), e.g. by Alertmanager template files. */
  readonly templates?: TemplateLibrary | undefined;
  /** `html` escapes everything an action prints that is not a SafeText. */
  readonly escape?: "html" | undefined;
  /** Longest output, characters; default 1 MiB. */
  readonly outputMax?: number | undefined;
}

export interface Template {
  /**
   * @param data what `.` is.
   * @throws TemplateError with Go's text.
   */
  render(data: unknown): string;
  /** Names defined with `{{ define }}` in this text. */
  readonly defines: readonly string[];
}

/** Named templates shared by several texts. */
export interface TemplateLibrary {
  readonly definitions: Definitions;
}

/** Longest output unless told; a Telegram message has 4,096 characters, a mail a few hundred thousand. */
export const OUTPUT_LENGTH_MAX: number = 1024 * 1024;
/** Nodes executed per rendering; a group of 1,000 alerts with 20 labels each takes about 200,000. */
export const STEPS_MAX: number = 5_000_000;

/**
 * Compiles a template.
 *
 * @throws UserError `bad-template` with Go's message, `template: name:line: …`.
 */
export function compileTemplate(text: string, options: TemplateOptions): Template {
  const functions = { ...goBuiltins, ...options.functions };
  const parsed = parse(text, options.name, functions);
  const definitions: Definitions = new Map(options.templates?.definitions);
  for (const [name, body] of parsed.definitions) definitions.set(name, body);
  const limits = { outputMax: options.outputMax ?? OUTPUT_LENGTH_MAX, stepsMax: STEPS_MAX };
  return {
    defines: [...parsed.definitions.keys()],
    render: (data) =>
      execute(parsed.root, {
        name: options.name,
        functions,
        definitions,
        data,
        escape: options.escape,
        ...limits,
      }),
  };
}

/**
 * Collects the definitions of template files; a later definition of a name replaces an earlier one.
 *
 * @throws UserError `bad-template`.
 */
export function templateLibrary(
  texts: readonly { readonly name: string; readonly text: string }[],
  functions: Readonly<Record<string, GoFunction>> = {},
): TemplateLibrary {
  const known = { ...goBuiltins, ...functions };
  const definitions: Definitions = new Map();
  for (const { name, text } of texts) {
    const parsed = parse(text, name, known);
    for (const [key, value] of parsed.definitions) definitions.set(key, value);
    definitions.set(name, parsed.root);
  }
  return { definitions };
}

function parse(
  text: string,
  name: string,
  functions: Readonly<Record<string, GoFunction>>,
): ReturnType<typeof parseTemplate> {
  try {
    return parseTemplate(text, { name, isFunction: (word) => Object.hasOwn(functions, word) });
  } catch (error) {
    if (error instanceof TemplateError) throw new UserError("bad-template", error.message, { cause: error });
    throw error;
  }
}
