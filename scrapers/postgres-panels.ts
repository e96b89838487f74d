/**
 * PostgreSQL's panels in screen order. Names follow postgres_exporter from 0.11 to 0.20: labels are always summed away
 * because newer versions add some, and counters that PostgreSQL 17 moved have both names.
 */
import type { PanelSpec } from "../src/panel/spec.ts";
import { chart, DOWN_IS_CRITICAL, over, q, stat, table, under, type ScraperSpec } from "./define.ts";

/** Templates and the nameless row of shared objects hold no work of anybody. */
const USER_DB = `datname!~"template.*|",$filter`;
const CACHE_HIT = `100 * sum by (instance, datname) (rate(pg_stat_database_blks_hit{${USER_DB}}[$rate])) / (sum by (instance, datname) (rate(pg_stat_database_blks_hit{${USER_DB}}[$rate]) + rate(pg_stat_database_blks_read{${USER_DB}}[$rate])) > 0)`;
const STATEMENTS = "needs pg_stat_statements and the exporter's --collector.stat_statements";

function perDatabase(metric: string): string {
  return `sum by (instance, datname) (rate(pg_stat_database_${metric}{${USER_DB}}[$rate]))`;
}

/** A background writer counter: PostgreSQL 16 and older, then the checkpointer's name from 17 on. */
function bgwriter(metric: string, since17?: string): readonly string[] {
  const old = `rate(pg_stat_bgwriter_${metric}_total{$filter}[$rate])`;
  return since17 === undefined ? [old] : [old, `rate(pg_stat_checkpointer_${since17}_total{$filter}[$rate])`];
}

const health: readonly PanelSpec[] = [
  stat("postgres.up", "PostgreSQL", "bool", [q("{{instance}}", `pg_up{$filter}`)], {
    method: "USE.E",
    priority: 1,
    min: 0,
    max: 1,
    thresholds: DOWN_IS_CRITICAL,
  }),
  chart(
    "postgres.connections",
    "Connections of the maximum",
    "percent",
    [
      q(
        "{{instance}}",
        `100 * sum by (instance) (pg_stat_database_numbackends{$filter}) / max by (instance) (pg_settings_max_connections{$filter})`,
      ),
    ],
    { method: "USE.U", priority: 1, min: 0, max: 100, thresholds: over(70, 90) },
  ),
  chart(
    "postgres.connections.count",
    "Connections by database",
    "count",
    [q("{{datname}}", `sum by (instance, datname) (pg_stat_database_numbackends{$filter})`)],
    { priority: 3, min: 0 },
  ),
  chart(
    "postgres.transactions",
    "Transactions",
    "ops/s",
    [q("{{datname}} commit", perDatabase("xact_commit")), q("{{datname}} rollback", perDatabase("xact_rollback"))],
    { priority: 1, min: 0 },
  ),
  chart(
    "postgres.transactions.total",
    "Transactions of the server",
    "ops/s",
    [
      q(
        "{{instance}}",
        `sum by (instance) (rate(pg_stat_database_xact_commit{$filter}[5m]) + rate(pg_stat_database_xact_rollback{$filter}[5m]))`,
      ),
    ],
    { priority: 4, min: 0, thresholds: over(10_000), note: "transactions, not queries" },
  ),
  chart("postgres.cache_hit", "Cache hit ratio", "percent", [q("{{datname}}", CACHE_HIT)], {
    priority: 2,
    max: 100,
    thresholds: under(98),
  }),
  chart(
    "postgres.sessions.active",
    "Active sessions",
    "count",
    [q("{{datname}}", `sum by (instance, datname) (pg_stat_activity_count{state="active",$filter})`)],
    { priority: 2, min: 0 },
  ),
  chart(
    "postgres.sessions.idle",
    "Idle sessions",
    "count",
    [q("{{datname}} {{state}}", `sum by (datname, state) (pg_stat_activity_count{state=~"idle.*",$filter}) > 0`)],
    { priority: 3, min: 0 },
  ),
  stat(
    "postgres.oldest_transaction",
    "Oldest running transaction",
    "seconds",
    [
      q(
        "{{datname}}",
        `max by (instance, datname) (pg_stat_activity_max_tx_duration{state="active",$filter})`,
        `max by (instance) (time() - pg_long_running_transactions_oldest_timestamp_seconds{$filter} > 0)`,
      ),
    ],
    { method: "USE.S", priority: 2, min: 0, thresholds: over(120), note: "a transaction, which may hold many queries" },
  ),
  stat(
    "postgres.slow_queries",
    "Queries running over 2 minutes",
    "count",
    [
      q(
        "{{instance}}",
        `sum by (instance) (pg_slow_queries_over_2m{$filter})`,
        `sum by (instance) (pg_long_running_transactions{$filter})`,
        `count by (instance) (pg_stat_activity_max_tx_duration{state="active",$filter} > 120)`,
        `0 * max by (instance) (pg_stat_activity_max_tx_duration{$filter})`,
      ),
    ],
    {
      priority: 4,
      min: 0,
      thresholds: over(0),
      note: "a count needs a query of its own; otherwise databases with at least one",
    },
  ),
  stat(
    "postgres.deadlocks",
    "Deadlocks in 5 minutes",
    "count",
    [q("{{datname}}", `sum by (instance, datname) (increase(pg_stat_database_deadlocks{$filter}[5m]))`)],
    { method: "USE.E", priority: 3, min: 0, thresholds: over(5) },
  ),
];

const work: readonly PanelSpec[] = [
  chart(
    "postgres.rows.read",
    "Rows fetched and returned",
    "ops/s",
    [q("{{datname}} fetched", perDatabase("tup_fetched")), q("{{datname}} returned", perDatabase("tup_returned"))],
    { priority: 3, min: 0 },
  ),
  chart(
    "postgres.rows.written",
    "Rows inserted, updated, deleted",
    "ops/s",
    [
      q("{{datname}} inserted", perDatabase("tup_inserted")),
      q("{{datname}} updated", perDatabase("tup_updated")),
      q("{{datname}} deleted", perDatabase("tup_deleted")),
    ],
    { priority: 3, min: 0, note: "rows, not I/O operations" },
  ),
  chart(
    "postgres.rows.fetch_ratio",
    "Fetched of returned rows",
    "ratio",
    [q("{{datname}}", `${perDatabase("tup_fetched")} / (${perDatabase("tup_returned")} > 0)`)],
    { priority: 5, min: 0 },
  ),
  table(
    "postgres.locks",
    "Locks by mode",
    "count",
    [
      q(
        "{{datname}} {{mode}}",
        `sum by (datname, mode) (pg_locks_count{$filter}) > 0`,
        `sum by (datname) (pg_locks_count{$filter})`,
      ),
    ],
    {
      priority: 3,
      min: 0,
    },
  ),
  chart(
    "postgres.conflicts",
    "Conflicts with recovery in 5 minutes",
    "count",
    [q("{{datname}}", `sum by (datname) (increase(pg_stat_database_conflicts{$filter}[5m]))`)],
    { priority: 5, min: 0, note: "always 0 on a primary" },
  ),
  chart(
    "postgres.temp.bytes",
    "Temporary files written",
    "bytes/s",
    [q("{{datname}}", `sum by (datname) (rate(pg_stat_database_temp_bytes{$filter}[$rate]))`)],
    { priority: 4, min: 0 },
  ),
  chart(
    "postgres.temp.files",
    "Temporary files",
    "ops/s",
    [q("{{datname}}", `sum by (datname) (rate(pg_stat_database_temp_files{$filter}[$rate]))`)],
    { priority: 5, min: 0 },
  ),
  table(
    "postgres.size",
    "Size of databases",
    "bytes",
    [q("{{datname}}", `sum by (instance, datname) (pg_database_size_bytes{$filter})`)],
    {
      priority: 3,
      min: 0,
    },
  ),
  chart(
    "postgres.statements.mean",
    "Mean time of a statement",
    "seconds",
    [
      q(
        "{{instance}}",
        `sum by (instance) (rate(pg_stat_statements_seconds_total{$filter}[5m])) / (sum by (instance) (rate(pg_stat_statements_calls_total{$filter}[5m])) > 0)`,
      ),
    ],
    { priority: 3, min: 0, thresholds: over(1), note: `mean: there are no percentiles; ${STATEMENTS}` },
  ),
  table(
    "postgres.statements.slowest",
    "Slowest statements, mean",
    "seconds",
    [
      q(
        "{{datname}} {{user}} {{queryid}}",
        `topk(10, sum by (queryid, datname, user) (rate(pg_stat_statements_seconds_total{$filter}[5m])) / (sum by (queryid, datname, user) (rate(pg_stat_statements_calls_total{$filter}[5m])) > 0))`,
      ),
    ],
    { priority: 3, min: 0, note: STATEMENTS },
  ),
  table(
    "postgres.statements.busiest",
    "Statements by share of time",
    "ratio",
    [q("{{queryid}}", `topk(5, sum by (queryid) (rate(pg_stat_statements_seconds_total{$filter}[5m])))`)],
    { priority: 4, min: 0, note: STATEMENTS },
  ),
];

const tables: readonly PanelSpec[] = [
  chart(
    "postgres.tables.seq_scans",
    "Share of sequential scans",
    "ratio",
    [
      q(
        "{{relname}}",
        `sum by (relname) (rate(pg_stat_user_tables_seq_scan{$filter}[$rate])) / (sum by (relname) (rate(pg_stat_user_tables_seq_scan{$filter}[$rate]) + rate(pg_stat_user_tables_idx_scan{$filter}[$rate])) > 0)`,
      ),
    ],
    { priority: 4, min: 0, max: 1, note: "a table without an index has no value" },
  ),
  table(
    "postgres.tables.dead_rows",
    "Dead rows",
    "count",
    [q("{{relname}}", `sum by (relname) (pg_stat_user_tables_n_dead_tup{$filter})`)],
    {
      priority: 5,
      min: 0,
    },
  ),
  table(
    "postgres.tables.vacuum_age",
    "Since the last vacuum",
    "seconds",
    [
      q(
        "{{datname}} {{schemaname}}.{{relname}}",
        `time() - max by (datname, schemaname, relname) ({__name__=~"pg_stat_user_tables_last_(auto)?vacuum",$filter} > 0)`,
      ),
    ],
    { priority: 4, min: 0, thresholds: over(86_400), note: "a table that was never vacuumed has no value" },
  ),
];

const writer: readonly PanelSpec[] = [
  chart(
    "postgres.buffers",
    "Buffers of the background writer",
    "ops/s",
    [
      q("allocated", ...bgwriter("buffers_alloc")),
      q("checkpoint", ...bgwriter("buffers_checkpoint", "buffers_written")),
      q("backend", ...bgwriter("buffers_backend")),
      q("clean", ...bgwriter("buffers_clean")),
      q("backend fsync", ...bgwriter("buffers_backend_fsync")),
    ],
    { priority: 4, min: 0, note: "backend counters are gone with PostgreSQL 17" },
  ),
  chart(
    "postgres.checkpoints",
    "Time in checkpoints",
    "ratio",
    [
      q("write", ...bgwriter("checkpoint_write_time", "write_time").map((expr) => `${expr} / 1000`)),
      q("sync", ...bgwriter("checkpoint_sync_time", "sync_time").map((expr) => `${expr} / 1000`)),
    ],
    { priority: 4, min: 0, note: "the counters are milliseconds in spite of their names" },
  ),
  chart(
    "postgres.cpu",
    "CPU of PostgreSQL",
    "percent",
    [
      q(
        "{{name}}{{groupname}}",
        `100 * sum by (name) (rate(container_cpu_usage_seconds_total{name=~"postgres.*",$filter}[$rate]))`,
        `100 * sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total{groupname=~"postgres.*",$filter}[$rate]))`,
        `100 * sum by (name) (rate(opsmon_process_cpu_seconds_total{name=~"postgres.*|postmaster",$filter}[$rate]))`,
      ),
    ],
    {
      priority: 3,
      min: 0,
      note: "percent of one core; postgres_exporter cannot see it, cAdvisor or the host collector can",
    },
  ),
  chart(
    "postgres.cpu.quota",
    "CPU of the container's quota",
    "percent",
    [
      q(
        "{{name}}",
        `100 * sum by (name) (rate(container_cpu_usage_seconds_total{name=~"postgres.*",$filter}[$rate])) / on (name) (container_spec_cpu_quota{$filter} / container_spec_cpu_period{$filter})`,
      ),
    ],
    { priority: 4, min: 0, max: 100, thresholds: over(85), note: "needs cAdvisor" },
  ),
];

const exporter: readonly PanelSpec[] = [
  stat(
    "postgres.exporter.errors",
    "Exporter's collection errors",
    "count",
    [
      q("{{collector}}", `1 - pg_scrape_collector_success{$filter}`),
      q("last scrape", `pg_exporter_last_scrape_error{$filter}`),
    ],
    { priority: 4, min: 0, thresholds: [{ at: 0, state: "crit" }] },
  ),
  chart(
    "postgres.exporter.cpu",
    "CPU of the exporter",
    "percent",
    [q("{{instance}}", ...ofExporter("100 * rate(", "process_cpu_seconds_total", "[$rate])"))],
    {
      priority: 5,
      min: 0,
      note: "postgres_exporter itself, not PostgreSQL",
    },
  ),
  chart(
    "postgres.exporter.memory",
    "Memory of the exporter",
    "bytes",
    [
      q("{{instance}} resident", ...ofExporter("", "process_resident_memory_bytes", "")),
      q("{{instance}} virtual", ...ofExporter("", "process_virtual_memory_bytes", "")),
    ],
    { priority: 5, min: 0, note: "postgres_exporter itself, not PostgreSQL" },
  ),
  stat(
    "postgres.exporter.files",
    "Open files of the exporter",
    "count",
    [q("{{instance}}", ...ofExporter("", "process_open_fds", ""))],
    {
      priority: 5,
      min: 0,
      note: "postgres_exporter itself, not PostgreSQL",
    },
  ),
];

/** A metric of the process that also says `pg_up`, whatever its job is called. */
function ofExporter(before: string, metric: string, after: string): readonly string[] {
  return [`${before}${metric}{$filter}${after} and on (job, instance) pg_up{$filter}`];
}

export const POSTGRES_PANELS: ScraperSpec["panels"] = [...health, ...work, ...tables, ...writer, ...exporter];
