/**
 * The same expressions to the lab's Prometheus and to opsmon, both scraping the same targets. The scrapes fall at other
 * moments, so values are compared loosely and label sets exactly: a wrong join, window or grouping shows in both.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { askPrometheus, labInfo, type LabInfo, type Sample, samplesOf } from "../support/lab.ts";
import { type Engine, eventually, startEngine, type TempDir, tempDir } from "../support/process.ts";

/** `near`: relative difference allowed; omitted where the value itself is noise. */
const EXPRS: readonly { readonly expr: string; readonly near?: number; readonly why: string }[] = [
  { expr: 'up{job!="faulty"}', near: 0, why: "a plain selector" },
  { expr: "redis_up == 1", near: 0, why: "a filter keeps its name" },
  { expr: "count by (job) (up)", near: 0, why: "grouping" },
  { expr: "sum without (instance, cpu) (node_cpu_seconds_total)", near: 0.2, why: "without" },
  { expr: "sum by (service) (rate(http_requests_total[1m]))", why: "rate over a join of three label styles" },
  { expr: 'rate(node_cpu_seconds_total{mode="idle"}[1m])', near: 0.5, why: "rate's extrapolation" },
  { expr: "increase(redis_commands_processed_total[1m])", near: 0.7, why: "increase" },
  { expr: "irate(node_context_switches_total[1m])", why: "irate" },
  { expr: "max_over_time(node_memory_MemTotal_bytes[1m])", near: 0, why: "over time drops the name" },
  { expr: 'count_over_time(up{job="node"}[1m])', near: 0.2, why: "the window is open on the left" },
  { expr: "avg_over_time(node_load1[1m])", near: 0.6, why: "an average over time" },
  { expr: "topk(2, pg_database_size_bytes)", near: 0.2, why: "topk keeps labels" },
  { expr: "quantile(0.5, pg_settings_max_connections)", near: 0, why: "quantile" },
  {
    expr: "100 * sum by (instance) (pg_stat_database_numbackends) / max by (instance) (pg_settings_max_connections)",
    near: 0.6,
    why: "two aggregations matched",
  },
  {
    expr: "node_filesystem_avail_bytes / on (instance, device, mountpoint, fstype) node_filesystem_size_bytes",
    near: 0.2,
    why: "on",
  },
  {
    expr: "node_memory_MemAvailable_bytes * ignoring (job) group_left () node_memory_MemTotal_bytes > bool 0",
    near: 0,
    why: "group_left and bool",
  },
  {
    expr: "pg_stat_database_numbackends * on (instance) group_left (version) (0 * pg_static + 1)",
    near: 3,
    why: "group_left copies a label",
  },
  {
    expr: "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[1m])))",
    why: "quantiles of histograms",
  },
  { expr: 'absent(no_such_metric{job="x"})', near: 0, why: "absent takes the matcher's labels" },
  { expr: "redis_up or pg_up", near: 0, why: "or" },
  { expr: "up unless on (instance) redis_up", why: "unless" },
  { expr: "up and on (job) node_load1", near: 0, why: "and" },
  { expr: 'label_replace(pg_up, "db", "$1", "instance", "(.*):.*")', near: 0, why: "label_replace" },
  { expr: "sort_desc(rabbitmq_detailed_queue_consumers)", near: 0, why: "sort" },
  { expr: "clamp(node_load1, 0, 0.0001)", near: 0, why: "clamp" },
  { expr: 'changes(process_start_time_seconds{job="apps"}[1m])', near: 0, why: "changes" },
  { expr: 'max_over_time(rate(http_requests_total{service="mes-api"}[1m])[1m:10s])', why: "a subquery" },
  { expr: "node_boot_time_seconds offset 20s", near: 0, why: "offset" },
  { expr: '-sum(up{job="node"})', near: 0, why: "unary minus" },
  {
    expr: 'count(count by (le) (http_request_duration_seconds_bucket{service="calculation-service"}))',
    near: 0,
    why: "le is one text in both",
  },
  { expr: "vector(1) + time() * 0", near: 0, why: "scalars" },
  { expr: "day_of_week() * 0 + 1", near: 0, why: "date functions" },
  { expr: "probe_success", near: 0, why: "relabelled targets" },
];

const key = ({ metric }: Sample): string => JSON.stringify(Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));

describe("opsmon beside Prometheus on the same targets", () => {
  let lab: LabInfo;
  let home: TempDir;
  let engine: Engine;
  const ask = async (expr: string): Promise<readonly Sample[]> =>
    samplesOf(await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`));

  beforeAll(async () => {
    lab = labInfo();
    home = tempDir();
    const config = parse(readFileSync(path.join(lab.dir, "prometheus.yml"), "utf8")) as Record<string, unknown>;
    // this machine's own numbers are what Prometheus does not have
    config["opsmon"] = { host_collector: { enabled: false } };
    const file = path.join(home.path, "opsmon.yml");
    writeFileSync(file, stringify(config));
    engine = await startEngine({ home: home.path, config: file });
    // a minute of history, so that every window of both holds the same number of scrapes
    await eventually(
      "a minute of scrapes",
      async () => (await ask('count_over_time(up{job="node"}[2m]) > 13')).length === 1,
      120_000,
    );
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test.each(EXPRS)("$expr ($why)", async ({ expr, near = Infinity }) => {
    const theirs = await askPrometheus(lab, expr);
    const ours = await ask(expr);
    expect(theirs.length).toBeGreaterThan(0);
    expect(ours.map(key).sort()).toEqual(theirs.map(key).sort());
    const byKey = new Map(theirs.map((sample) => [key(sample), sample.value]));
    const far = ours.filter((sample) => {
      const other = byKey.get(key(sample)) ?? NaN;
      if (Number.isNaN(other) || Number.isNaN(sample.value))
        return Number.isNaN(other) !== Number.isNaN(sample.value) && near < 1;
      return Math.abs(sample.value - other) > near * Math.max(Math.abs(other), Math.abs(sample.value));
    });
    expect(far.map((sample) => `${key(sample)}: ${sample.value} for ${byKey.get(key(sample))}`)).toEqual([]);
  });
});
