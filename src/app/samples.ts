/**
 * Samples out of and into wherever they are: a running engine, another server, a stopped data directory. Export asks by
 * remote read, the one question for raw samples that all of them answer.
 */
import type { EngineSource } from "../api/client/engine.ts";
import type { PrometheusSource } from "../api/client/prometheus.ts";
import type { ImportAnswer } from "../api/services.ts";
import type { Clock } from "../base/clock.ts";
import { silentLogger } from "../base/log.ts";
import { parseSelectors } from "../api/selectors.ts";
import { printMatchers } from "../model/matcher-text.ts";
import type { Matcher } from "../model/matcher.ts";
import type { Metadata } from "../model/metadata.ts";
import { remoteQueryable } from "../remote/queryable.ts";
import type { MetadataReader, Queryable } from "../storage/storage.ts";
import { type ExportOptions, type ExportReport, exportOpenMetrics, importOpenMetrics } from "../tsdb/openmetrics.ts";
import { missingIn } from "../tsdb/marks.ts";
import { openTsdb } from "../tsdb/tsdb.ts";
import { openPicture } from "./directory.ts";
import { clearStart, markStart, mendAfterDeath } from "./start-mark.ts";

export { missingIn };
export type { ExportOptions, ExportReport };

/** Text sent to an engine at once: some 10,000 lines, which hold up a scrape by some 30 ms. */
const IMPORT_CHARACTERS = 1024 * 1024;

export async function exportFromServer(
  source: PrometheusSource,
  write: (text: string) => Promise<void>,
  options: ExportOptions,
): Promise<ExportReport> {
  const described = await source.metadata().catch((): ReadonlyMap<string, readonly Metadata[]> => new Map());
  const selectors = (matchers: readonly Matcher[]): readonly string[] =>
    matchers.length === 0 ? [] : [printMatchers(matchers)];
  const samples: Queryable & MetadataReader = {
    ...remoteQueryable({
      read: (request) => source.remoteRead(request),
      labelValues: (name, matchers) => source.labelValues(name, selectors(matchers)),
    }),
    metadata: () => described,
  };
  return exportOpenMetrics(samples, write, options);
}

/** @throws UserError `not-a-store`. */
export async function exportFromDirectory(
  dir: string,
  clock: Clock,
  write: (text: string) => Promise<void>,
  options: ExportOptions,
): Promise<ExportReport & { readonly damaged: number }> {
  const picture = await openPicture(dir, clock);
  try {
    const report = await exportOpenMetrics(picture.store, write, options);
    const stats = picture.stats();
    // Also where nothing is left that could be asked for.
    const warnings = new Set([...report.warnings, ...missingIn(stats, options.start, options.end)]);
    return { ...report, warnings: [...warnings], damaged: stats.quarantined.length };
  } finally {
    await picture.close();
  }
}

export function sumOf(a: ImportAnswer, b: ImportAnswer): ImportAnswer {
  return {
    lines: a.lines + b.lines,
    samples: a.samples + b.samples,
    duplicate: a.duplicate + b.duplicate,
    outOfBounds: a.outOfBounds + b.outOfBounds,
    limited: a.limited + b.limited,
    tiers: b.tiers.map(({ resolutionMs, samples }) => ({
      resolutionMs,
      samples: samples + (a.tiers.find((tier) => tier.resolutionMs === resolutionMs)?.samples ?? 0),
    })),
    broken: a.broken + b.broken,
    problems: [...a.problems, ...b.problems.map(({ line, text }) => ({ line: line + a.lines, text }))],
  };
}

export const NOTHING_IMPORTED: ImportAnswer = {
  lines: 0,
  samples: 0,
  duplicate: 0,
  outOfBounds: 0,
  limited: 0,
  tiers: [],
  broken: 0,
  problems: [],
};

/** Hands lines to a running engine in pieces that never part a sample from the TYPE and HELP before it. */
export async function importIntoEngine(engine: EngineSource, lines: AsyncIterable<string>): Promise<ImportAnswer> {
  let sum = NOTHING_IMPORTED;
  let text = "";
  for await (const line of lines) {
    text += `${line}\n`;
    if (text.length < IMPORT_CHARACTERS || line.startsWith("#")) continue;
    sum = sumOf(sum, await engine.importText(text));
    text = "";
  }
  return text === "" ? sum : sumOf(sum, await engine.importText(text));
}

/** Into a directory that no engine runs on; it is made when it does not exist. @throws UserError `store-locked`. */
export async function importIntoDirectory(
  dir: string,
  clock: Clock,
  lines: AsyncIterable<string>,
): Promise<ImportAnswer> {
  await mendAfterDeath(dir, silentLogger);
  markStart(dir);
  try {
    const store = await openTsdb({ dir, clock, log: silentLogger });
    try {
      const report = await importOpenMetrics(lines, store);
      await store.flush();
      return report;
    } finally {
      await store.close();
    }
  } finally {
    clearStart(dir);
  }
}

/** @param selector as in PromQL; undefined for everything. @throws UserError `promql-parse` (exit 2). */
export function selectorMatchers(selector: string | undefined): readonly Matcher[] {
  return selector === undefined ? [] : (parseSelectors([selector], "selector")[0] ?? []);
}
