/** What is in the store, counted for `opsmon cardinality` and `/api/v1/status/tsdb`. */
import type { CardinalityReport, CardinalityRow, StoreSummary } from "../api/services.ts";
import type { Tsdb } from "../tsdb/tsdb.ts";

/** Label pairs looked at for their sizes: more would hold up scrapes for a number nobody acts on. */
const LABEL_PAIRS_MAX = 100_000;

export function cardinalityReport(tsdb: Tsdb, limit: number): CardinalityReport {
  const found = tsdb.cardinality(limit);
  const rows = (all: readonly { name: string; series: number }[]): readonly CardinalityRow[] =>
    all.map(({ name, series }) => ({ name, count: series }));
  const jobs = found.pairs.filter((pair) => pair.name.startsWith("job="));
  return {
    series: found.series,
    metrics: rows(found.metrics),
    labels: rows(found.labelNames),
    pairs: rows(found.pairs),
    jobs: rows(jobs.map((pair) => ({ ...pair, name: pair.name.slice("job=".length) }))),
  };
}

export function storeSummary(tsdb: Tsdb, limit: number): StoreSummary {
  const stats = tsdb.stats();
  const { labelPairs, pairs } = tsdb.cardinality(LABEL_PAIRS_MAX);
  const bytes = new Map<string, number>();
  for (const { name, series } of pairs) {
    const equals = name.indexOf("=");
    const label = name.slice(0, equals);
    bytes.set(label, (bytes.get(label) ?? 0) + Buffer.byteLength(name.slice(equals + 1)) * series);
  }
  const labelBytes = [...bytes].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
  return {
    labelPairs,
    chunks: stats.blocks,
    minTime: stats.minT,
    maxTime: stats.maxT,
    labelBytes: labelBytes.slice(0, limit),
  };
}
