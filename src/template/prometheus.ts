/**
 * The template functions of Prometheus rules, and the way a rule's label or annotation is rendered. `query` needs
 * the engine, which answers later than a template can wait: a rendering that meets an unknown query stops, the
 * query is asked, and the template is rendered again with its answer.
 */
import { UserError, errorText } from "../base/errors.ts";
import { parseDuration } from "../model/duration.ts";
import { type Labels, compareUtf8 } from "../model/labels.ts";
import { TemplateError } from "./error.ts";
import { escapeQuery } from "./escape.ts";
import { Suspend } from "./exec.ts";
import { formatValue, goQuote, sprintf } from "./format.ts";
import { type GoFunction, define } from "./function.ts";
import { humanize, humanize1024, humanizeDuration, humanizePercentage } from "./humanize.ts";
import { compileTemplate } from "./template.ts";
import { textFunctions, toFloat } from "./text-functions.ts";
import { GoDuration, GoStruct, GoTime, structFields } from "./value.ts";

/** One element a query returned. */
export interface TemplateSample {
  readonly labels: Labels;
  readonly value: number;
}

export interface RuleTemplateData {
  readonly labels: Labels;
  readonly value: number;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  /** Evaluation time, unix ms. */
  readonly at: number;
  readonly query: (expr: string) => Promise<readonly TemplateSample[]>;
}

export interface RuleTemplate {
  /** Never throws: a failure becomes `<error expanding template: …>` and is reported in `error`. */
  expand(data: RuleTemplateData): Promise<{ readonly text: string; readonly error: string | undefined }>;
}

/** Variables that Prometheus gives every rule template; its length is in the columns of its error texts. */
const PREFIX =
  "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";
/** Different queries one template may ask; the largest known annotation asks 3. */
const QUERIES_MAX = 32;
/** Longest label or annotation a rule may produce. */
const EXPANDED_LENGTH_MAX = 64 * 1024;

const DATA_TYPE =
  "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }";

class NeedQuery extends Suspend {
  readonly expr: string;
  constructor(expr: string) {
    super(expr);
    this.expr = expr;
  }
}

type Answers = ReadonlyMap<string, readonly TemplateSample[] | Error>;
interface Ambient {
  readonly answers: Answers;
  readonly externalUrl: string;
  readonly at: number;
}

const labelOf = (sample: unknown, name: string): string =>
  (structFields(sample)?.["Labels"] as Labels | undefined)?.get(name) ?? "";

function queried(ambient: Ambient, expr: string): readonly unknown[] {
  const answer = ambient.answers.get(expr);
  if (answer === undefined) throw new NeedQuery(expr);
  if (answer instanceof Error) throw answer;
  return answer.map(({ labels, value }) => new GoStruct("*template.sample", { Labels: labels, Value: value }));
}

/** host:port → host, `[::1]:90` → `::1`; text of another form is returned as it is. */
function stripPort(text: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):[^:]*$/.exec(text);
  return match === null ? text : (match[1] ?? match[2] ?? "");
}

/** `a.b.c:90` → `a:90`; addresses are kept. */
function stripDomain(text: string): string {
  const host = stripPort(text);
  const port = host === text ? "" : text.slice(text.lastIndexOf(":"));
  if (/^[\d.]+$/.test(host) || host.includes(":")) return text;
  return (host.split(".")[0] as string) + port;
}

/** Go counts nanoseconds in 64 bits: about 292 years either way. */
const SECONDS_MAX = 9_223_372_036;

/** @throws Error in Prometheus' words past the years Go can count. */
function timeOf(value: unknown): GoTime {
  const at = toFloat(value);
  if (Number.isNaN(at) || Math.abs(at) > SECONDS_MAX) {
    throw new Error(`${formatValue(at)} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  }
  return new GoTime(Math.trunc(at * 1000));
}

function seconds(value: string): number {
  const sign = value.startsWith("-") ? -1 : 1;
  try {
    return (sign * parseDuration(sign < 0 ? value.slice(1) : value)) / 1000;
  } catch {
    throw new Error(`not a valid duration string: ${goQuote(value)}`);
  }
}

const asText = (convert: (v: number) => string): GoFunction => define(["any"], ([value]) => convert(toFloat(value)));

function ruleFunctions(ambient: Ambient): Readonly<Record<string, GoFunction>> {
  const link = (expr: unknown, tab: number): string => `/graph?g0.expr=${escapeQuery(expr as string)}&g0.tab=${tab}`;
  return {
    ...textFunctions,
    query: define(["string"], ([expr]) => queried(ambient, expr as string)),
    first: define(["vector"], ([vector]) => {
      const [sample] = vector as readonly unknown[];
      if (sample === undefined) throw new Error("first() called on vector with no elements");
      return sample;
    }),
    label: define(["string", "sample"], ([name, sample]) => labelOf(sample, name as string)),
    value: define(["sample"], ([sample]) => structFields(sample)?.["Value"]),
    strvalue: define(["sample"], ([sample]) => labelOf(sample, "__value__")),
    sortByLabel: define(["string", "vector"], ([name, vector]) =>
      [...(vector as readonly unknown[])].sort((a, b) =>
        compareUtf8(labelOf(a, name as string), labelOf(b, name as string)),
      ),
    ),
    args: define([], (args) => new Map(args.map((arg, i) => [`arg${i}`, arg])), "any"),
    humanize: asText(humanize),
    humanize1024: asText(humanize1024),
    humanizeDuration: asText(humanizeDuration),
    humanizePercentage: asText(humanizePercentage),
    humanizeTimestamp: define(["any"], ([value]) => {
      const v = toFloat(value);
      return Number.isFinite(v) ? timeOf(v).toString() : sprintf("%.4g", [v]);
    }),
    toTime: define(["any"], ([value]) => timeOf(value)),
    toDuration: define(["any"], ([value]) => GoDuration.fromMs(toFloat(value) * 1000)),
    now: define([], () => ambient.at / 1000),
    parseDuration: define(["string"], ([text]) => seconds(text as string)),
    graphLink: define(["string"], ([expr]) => link(expr, 0)),
    tableLink: define(["string"], ([expr]) => link(expr, 1)),
    stripPort: define(["string"], ([text]) => stripPort(text as string)),
    stripDomain: define(["string"], ([text]) => stripDomain(text as string)),
    urlQueryEscape: define(["string"], ([text]) => escapeQuery(text as string)),
    pathPrefix: define([], () =>
      URL.canParse(ambient.externalUrl) ? new URL(ambient.externalUrl).pathname.replace(/\/$/, "") : "",
    ),
    externalURL: define([], () => ambient.externalUrl),
  };
}

/**
 * Compiles one label or annotation of a rule.
 *
 * @param name the rule's name.
 * @throws UserError `bad-template`; its cause is a TemplateError whose `offset` is meant within `text`.
 */
export function compileRuleTemplate(text: string, name: string): RuleTemplate {
  if (!text.includes("{{")) return { expand: () => Promise.resolve({ text, error: undefined }) };
  const full = `__alert_${name}`;
  const ambient: { current: Ambient } = { current: { answers: new Map(), externalUrl: "", at: 0 } };
  const functions = ruleFunctions({
    get answers() {
      return ambient.current.answers;
    },
    get externalUrl() {
      return ambient.current.externalUrl;
    },
    get at() {
      return ambient.current.at;
    },
  });
  const template = compile(text, full, functions);
  return {
    async expand(data) {
      const answers = new Map<string, readonly TemplateSample[] | Error>();
      const dot = new GoStruct(DATA_TYPE, {
        Labels: data.labels,
        ExternalLabels: data.externalLabels,
        ExternalURL: data.externalUrl,
        Value: data.value,
      });
      for (;;) {
        ambient.current = { answers, externalUrl: data.externalUrl, at: data.at };
        try {
          return { text: template.render(dot), error: undefined };
        } catch (error) {
          if (error instanceof NeedQuery && answers.size < QUERIES_MAX) {
            answers.set(error.expr, await data.query(error.expr).catch(asError));
            continue;
          }
          const reason = error instanceof NeedQuery ? `more than ${QUERIES_MAX} queries` : errorText(error);
          const whole = `error executing template ${full}: ${reason}`;
          return { text: `<error expanding template: ${whole}>`, error: whole };
        }
      }
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function compile(
  text: string,
  name: string,
  functions: Readonly<Record<string, GoFunction>>,
): ReturnType<typeof compileTemplate> {
  try {
    return compileTemplate(PREFIX + text, { name, functions, outputMax: EXPANDED_LENGTH_MAX });
  } catch (error) {
    const cause = error instanceof UserError ? error.cause : undefined;
    if (!(cause instanceof TemplateError)) throw error;
    const moved = new TemplateError(cause.message, Math.max(0, cause.offset - PREFIX.length));
    throw new UserError("bad-template", cause.message, { cause: moved });
  }
}
