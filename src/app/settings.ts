/**
 * Configuration in force: the file and the rule files it names, read and checked together, so that a reload takes
 * all of it or nothing.
 */
import { globSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import { formatProblem, hasErrors, type Problem, sortProblems } from "../base/problem.ts";
import { defaultAlertmanagerConfig, loadAlertmanagerConfig } from "../config/alertmanager.ts";
import type { Config } from "../config/config.ts";
import { emptyConfig, loadConfig } from "../config/load.ts";
import type { Environment } from "../config/paths.ts";
import type { NotifyConfig } from "../model/routing.ts";
import { parseRuleFile } from "../rules/file.ts";
import type { RuleGroup } from "../rules/group.ts";
import { expandPack, RULE_PACKS } from "../../rules/index.ts";

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
export function loadSettings(configFile: string | undefined, env: Environment): Settings {
  const { settings, problems } = checkSettings(configFile, env);
  if (settings === undefined) throw invalid(problems);
  return settings;
}

export function invalid(problems: readonly Problem[]): UserError {
  return new UserError("config-invalid", problems.map(formatProblem).join("\n"), { exit: EXIT.invalid });
}

/** Everything wrong with a configuration and what it names; `settings` only when nothing is an error. */
export function checkSettings(
  configFile: string | undefined,
  env: Environment,
): { readonly settings: Settings | undefined; readonly problems: readonly Problem[] } {
  const { config, problems: found } = readConfig(configFile, env);
  const problems: Problem[] = [...found];
  if (config === undefined) return { settings: undefined, problems: sortProblems(problems) };
  const groups = ruleFileGroups(config, problems);
  const packs = activePacks(config, problems);
  const notify = notifyConfig(config, env, problems);
  const sorted = sortProblems(problems);
  if (notify === undefined || hasErrors(problems)) return { settings: undefined, problems: sorted };
  return { settings: { config, groups, packs, notify, problems: sorted }, problems: sorted };
}

/** The file alone, without what it names: enough to open the store. @throws UserError `config-invalid`. */
export function loadConfigAlone(configFile: string | undefined, env: Environment): Config {
  const { config, problems } = readConfig(configFile, env);
  if (config === undefined) throw invalid(problems);
  return config;
}

function readConfig(
  configFile: string | undefined,
  env: Environment,
): { readonly config: Config | undefined; readonly problems: readonly Problem[] } {
  if (configFile === undefined) return { config: emptyConfig(), problems: [] };
  const file = path.resolve(configFile);
  return loadConfig(readText(file, "configuration"), file, { readFile: read, env });
}

function readText(file: string, what: string): string {
  try {
    return read(file);
  } catch (cause) {
    throw new UserError("unreadable", `cannot read the ${what} "${file}": ${errorText(cause)}`, { cause });
  }
}

function ruleFileGroups(config: Config, problems: Problem[]): readonly RuleGroup[] {
  const groups: RuleGroup[] = [];
  const seen = new Set<string>();
  for (const pattern of config.ruleFiles) {
    const files = globSync(pattern).sort();
    if (files.length === 0) {
      problems.push({
        severity: "warning",
        file: config.file,
        line: 0,
        column: 0,
        message: `no rule file matches "${pattern}"`,
      });
    }
    for (const file of files) {
      const real = realpathSync(file);
      if (seen.has(real)) continue;
      seen.add(real);
      const parsed = parseRuleFile(readText(file, "rule file"), file);
      groups.push(...parsed.groups);
      problems.push(...parsed.problems);
    }
  }
  return groups;
}

/** The packs that are on: the default profile, changed by `opsmon.rule_packs`. */
function activePacks(config: Config, problems: Problem[]): readonly ActivePack[] {
  const packs: ActivePack[] = [];
  const chosen = new Map(config.own.rulePacks.map((pack) => [pack.name, pack]));
  for (const pack of RULE_PACKS) {
    const choice = chosen.get(pack.name);
    chosen.delete(pack.name);
    if (!(choice?.enabled ?? pack.on)) continue;
    let text = pack.text;
    try {
      text = expandPack(pack, choice?.vars ?? {});
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { line, column } = choice?.at ?? { line: 0, column: 0 };
      const { message, hint } = error;
      problems.push({ severity: "error", file: config.file, line, column, message, hint });
    }
    const parsed = parseRuleFile(text, `rules/${pack.name}.yml`);
    packs.push({ name: pack.name, chosen: choice !== undefined, groups: parsed.groups });
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
  const loaded = loadAlertmanagerConfig(readText(file, "Alertmanager configuration"), file, {
    readFile: read,
    env,
    glob: (pattern) => globSync(pattern),
    telegramUsers: config.own.telegram?.allowedUsers ?? [],
  });
  problems.push(...loaded.problems);
  return loaded.config;
}
