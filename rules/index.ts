/**
 * The rule packs that ship with opsmon. A pack is a Prometheus rule file as it lies here, valid for promtool without
 * any change; what a config may set is marked by a comment behind the value: `> 80 # ${cpu_warning}` or
 * `for: 10m # ${cpu_warning_for}`. Setting a variable replaces the one word in front of its mark. The header of the
 * file lists the variables. Packs whose name ends in `-alternatives` hold milder or other readings of the same
 * subjects and are off unless chosen. The text comes from `text/`, which `node rules/embed.ts` makes from the .yml
 * files, because a bundled program has no files beside it.
 */
import { UserError } from "../src/base/errors.ts";
import { business } from "./text/business.ts";
import { containers } from "./text/containers.ts";
import { host } from "./text/host.ts";
import { kubernetes } from "./text/kubernetes.ts";
import { postgres } from "./text/postgres.ts";
import { postgresAlternatives } from "./text/postgres-alternatives.ts";
import { rabbitmq } from "./text/rabbitmq.ts";
import { redis } from "./text/redis.ts";
import { redisAlternatives } from "./text/redis-alternatives.ts";
import { services } from "./text/services.ts";
import { servicesAlternatives } from "./text/services-alternatives.ts";
import { storage } from "./text/storage.ts";
import { targets } from "./text/targets.ts";
import { targetsAlternatives } from "./text/targets-alternatives.ts";
import { web } from "./text/web.ts";

export interface PackVariable {
  readonly name: string;
  readonly doc: string;
  /** The value in the file, a number or a duration. */
  readonly value: string;
}

export interface RulePack {
  readonly name: string;
  /** First paragraph of the file. */
  readonly doc: string;
  /** Part of the profile that is on where nobody chose. */
  readonly on: boolean;
  /** The rule file with its default values. */
  readonly text: string;
  readonly variables: readonly PackVariable[];
}

const MARK = /(\S+)([ \t]+# \$\{(\w+)\})[ \t]*$/gm;
const VALUE = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$|^(?:\d+(?:ms|[smhdwy]))+$/i;
const VARIABLE_LINE = /^#\s{2,}(\w+)\s+(\S.*)$/;

export const RULE_PACKS: readonly RulePack[] = [
  pack("targets", targets),
  pack("host", host),
  pack("postgres", postgres),
  pack("redis", redis),
  pack("rabbitmq", rabbitmq),
  pack("services", services),
  pack("web", web),
  pack("storage", storage),
  pack("business", business),
  pack("kubernetes", kubernetes),
  pack("containers", containers),
  pack("targets-alternatives", targetsAlternatives),
  pack("postgres-alternatives", postgresAlternatives),
  pack("redis-alternatives", redisAlternatives),
  pack("services-alternatives", servicesAlternatives),
];

export function packNamed(name: string): RulePack | undefined {
  return RULE_PACKS.find((candidate) => candidate.name === name);
}

/**
 * The rule file with these variables set; what is not named keeps its default.
 *
 * @throws UserError `bad-pack-variable` for a name the pack does not have or a value that is neither number nor duration.
 */
export function expandPack(pack: RulePack, values: Readonly<Record<string, string | number>> = {}): string {
  for (const [name, value] of Object.entries(values)) {
    const known = pack.variables.find((variable) => variable.name === name);
    if (known === undefined) {
      const names = pack.variables.map((variable) => variable.name).join(", ");
      throw new UserError("bad-pack-variable", `rule pack "${pack.name}" has no variable "${name}"`, {
        hint: `it has ${names === "" ? "none" : names}`,
      });
    }
    const text = String(value);
    if (!VALUE.test(text) || isDuration(text) !== isDuration(known.value)) {
      const wanted = isDuration(known.value) ? "a duration" : "a number";
      const message = `"${text}" is not ${wanted}: variable "${name}" of rule pack "${pack.name}"`;
      throw new UserError("bad-pack-variable", message, { hint: `the default is ${known.value}` });
    }
  }
  return pack.text.replaceAll(MARK, (whole, _old: string, mark: string, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value === undefined ? whole : `${String(value)}${mark}`;
  });
}

function isDuration(text: string): boolean {
  return /[smhdwy]$/.test(text);
}

/** A pack whose header is read when somebody asks what stands there: most starts only want to know which are on. */
function pack(name: string, text: string): RulePack {
  let read: ReturnType<typeof headerOf> | undefined;
  const header = (): ReturnType<typeof headerOf> => (read ??= headerOf(text));
  return {
    name,
    on: !name.endsWith("-alternatives"),
    text,
    get doc() {
      return header().doc;
    },
    get variables() {
      return header().variables;
    },
  };
}

function headerOf(text: string): Pick<RulePack, "doc" | "variables"> {
  const header: string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("#")) break;
    header.push(line);
  }
  const end = header.indexOf("#");
  const paragraph = header.slice(0, end < 0 ? header.length : end);
  const doc = paragraph.map((line) => line.slice(2)).join(" ");
  const defaults = new Map<string, string>();
  for (const match of text.matchAll(MARK)) defaults.set(match[3] ?? "", match[1] ?? "");
  const variables: PackVariable[] = [];
  for (const line of header) {
    const [, variable = "", about = ""] = VARIABLE_LINE.exec(line) ?? [];
    const value = defaults.get(variable);
    if (value !== undefined) variables.push({ name: variable, doc: about, value });
  }
  return { doc, variables };
}
