/**
 * Configuration in force: the file and the rule files it names, read and checked together, so that a reload takes
 * all of it or nothing.
 */
import { globSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { EXIT, UserError } from "../base/errors.ts";
import { formatProblem, hasErrors, type Problem, sortProblems } from "../base/problem.ts";
import { systemCode, unreadable } from "../base/system-error.ts";
import type { Position } from "../base/yaml.ts";
import { defaultAlertmanagerConfig, loadAlertmanagerConfig } from "../config/alertmanager.ts";
import type { Config } from "../config/config.ts";
import { emptyConfig, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Environment } from "../config/paths.ts";
import { placeIn } from "../config/place.ts";
import type { NotifyConfig } from "../model/routing.ts";
import { parseRuleFile } from "../rules/file.ts";
import type { RuleGroup } from "../rules/group.ts";
import { expandPack, RULE_PACKS, type RulePack } from "../../rules/index.ts";

export interface Settings {
  readonly config: Config;
  /** Groups of the rule files, always in force. */
  readonly groups: readonly RuleGroup[];
  /** Packs that are on; the gate puts them in force where they make sense. */
  readonly packs: readonly ActivePack[];
  readonly notify: NotifyConfig;
  readonly problems: readonly Problem[];
}

export interface ActivePack {
  readonly name: string;
  /** Named in the configuration, so in force whatever is scraped. */
  readonly chosen: boolean;
  readonly groups: readonly RuleGroup[];
}

const read = (file: string): string => readFileSync(file, "utf8");

/** @throws UserError `config-invalid` (exit 3) whose message lists every mistake of every file. */
export function loadSettings(
  configFile: string | undefined,
  env: Environment,
  first: LoadedConfig = readConfig(configFile, env),
): Settings {
  const { settings, problems } = settle(first, env);
  if (settings === undefined) throw invalid(problems);
  return settings;
}

export function invalid(problems: readonly Problem[]): UserError {
  return new UserError("config-invalid", problems.map(formatProblem).join("\n"), { exit: EXIT.invalid });
}

/**
 * Everything wrong with a configuration and with every file it names, the configuration first, then the files in the
 * order in which it names them; `settings` only when nothing is an error.
 */
export function checkSettings(
  configFile: string | undefined,
  env: Environment,
): { readonly settings: Settings | undefined; readonly problems: readonly Problem[] } {
  return settle(readConfig(configFile, env), env);
}

/** Reads what the configuration names. */
function settle(
  { config, readable, problems: found }: LoadedConfig,
  env: Environment,
): ReturnType<typeof checkSettings> {
  const problems: Problem[] = [...found];
  if (readable === undefined) return { settings: undefined, problems: inOrder(problems) };
  const groups = ruleFileGroups(readable, problems);
  const packs = activePacks(readable, problems);
  const notify = notifyConfig(readable, env, problems);
  const sorted = inOrder(problems, readable.file);
  if (config === undefined || notify === undefined || hasErrors(problems))
    return { settings: undefined, problems: sorted };
  return { settings: { config, groups, packs, notify, problems: sorted }, problems: sorted };
}

/** The mistakes of `first` by line, then those of the other files as they were found: each file's own are sorted. */
function inOrder(problems: readonly Problem[], first?: string): readonly Problem[] {
  const own = problems.filter((problem) => problem.file === first || first === undefined);
  return [...sortProblems(own), ...problems.filter((problem) => !own.includes(problem))];
}

/**
 * The file alone, without what it names: enough to open the store; and how to go on from there, with no second reading.
 *
 * @throws UserError `config-invalid`: when the file has mistakes, with those of all files it names.
 */
export function loadConfigAlone(
  configFile: string | undefined,
  env: Environment,
): { readonly config: Config; readonly settings: () => Settings } {
  const first = readConfig(configFile, env);
  const settings = (): Settings => loadSettings(configFile, env, first);
  return { config: first.config ?? settings().config, settings };
}

function readConfig(configFile: string | undefined, env: Environment): LoadedConfig {
  if (configFile === undefined) {
    const config = emptyConfig();
    return { config, readable: config, problems: [] };
  }
  const file = path.resolve(configFile);
  try {
    return loadConfig(read(file), file, { readFile: read, env });
  } catch (cause) {
    throw systemCode(cause) === undefined ? cause : unreadable(file, cause, { what: "configuration" });
  }
}

/** The text of a file that the configuration names; undefined after a problem was noted. */
function readNamed(file: string, problems: Problem[], config: Config, place: Position): string | undefined {
  try {
    return read(file);
  } catch (cause) {
    const { message, hint } = unreadable(file, cause);
    problems.push({ severity: "error", file: config.file, ...at(place), message, hint });
    return undefined;
  }
}

function at({ line, column }: Position): Position {
  return { line, column };
}

/** What makes a path a pattern; anything else names one file, which has to exist. */
const PATTERN = /[*?[{]/;

function ruleFileGroups(config: Config, problems: Problem[]): readonly RuleGroup[] {
  const groups: RuleGroup[] = [];
  const seen = new Set<string>();
  const dir = path.dirname(config.file);
  for (const pattern of config.ruleFiles) {
    const place = placeIn(
      config.source.root,
      ["rule_files"],
      (text) => path.resolve(dir, text) === path.resolve(pattern),
    );
    const files = globSync(pattern).sort();
    if (files.length === 0) {
      const severity = PATTERN.test(pattern) ? "warning" : "error";
      const message = severity === "error" ? `there is no rule file "${pattern}"` : `no rule file matches "${pattern}"`;
      problems.push({ severity, file: config.file, ...at(place), message });
    }
    for (const file of files) {
      const text = readNamed(file, problems, config, place);
      if (text === undefined) continue;
      const real = realpathSync(file);
      if (seen.has(real)) continue;
      seen.add(real);
      const parsed = parseRuleFile(text, file);
      groups.push(...parsed.groups);
      problems.push(...parsed.problems);
    }
  }
  return groups;
}

/** A pack as it ships, which our tests have read: here it is read when it comes into force, if it ever does. */
function usualPack({ name, text }: RulePack): ActivePack {
  let groups: readonly RuleGroup[] | undefined;
  return {
    name,
    chosen: false,
    get groups() {
      return (groups ??= parseRuleFile(text, `rules/${name}.yml`).groups);
    },
  };
}

/** The packs that are on: the default profile, changed by `opsmon.rule_packs`. */
function activePacks(config: Config, problems: Problem[]): readonly ActivePack[] {
  const packs: ActivePack[] = [];
  const chosen = new Map(config.own.rulePacks.map((pack) => [pack.name, pack]));
  for (const pack of RULE_PACKS) {
    const choice = chosen.get(pack.name);
    chosen.delete(pack.name);
    if (!(choice?.enabled ?? pack.on)) continue;
    if (choice === undefined) {
      packs.push(usualPack(pack));
      continue;
    }
    let text = pack.text;
    try {
      text = expandPack(pack, choice.vars);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { line, column } = choice.at;
      const { message, hint } = error;
      problems.push({ severity: "error", file: config.file, line, column, message, hint });
    }
    const parsed = parseRuleFile(text, `rules/${pack.name}.yml`);
    packs.push({ name: pack.name, chosen: true, groups: parsed.groups });
    problems.push(...parsed.problems);
  }
  for (const unknown of chosen.values()) {
    problems.push({
      severity: "error",
      file: config.file,
      line: unknown.at.line,
      column: unknown.at.column,
      message: `there is no rule pack "${unknown.name}"`,
      hint: `packs: ${RULE_PACKS.map((pack) => pack.name).join(", ")}`,
    });
  }
  return packs;
}

function notifyConfig(config: Config, env: Environment, problems: Problem[]): NotifyConfig | undefined {
  const file = config.own.alertmanagerConfigFile;
  if (file === undefined) return defaultAlertmanagerConfig({ telegram: config.own.telegram });
  const place = placeIn(config.source.root, ["opsmon", "alertmanager_config_file"]);
  const text = readNamed(file, problems, config, place);
  if (text === undefined) return undefined;
  const loaded = loadAlertmanagerConfig(text, file, {
    readFile: read,
    env,
    glob: (pattern) => globSync(pattern),
    telegramUsers: config.own.telegram?.allowedUsers ?? [],
  });
  problems.push(...loaded.problems);
  return loaded.config;
}
