/**
 * Custom queries for Debian's postgres_exporter 0.11, which has no collectors for tables, statements and long
 * transactions; the metric names are those that newer exporters give.
 */
type Usage = "LABEL" | "COUNTER" | "GAUGE";

const columns = (usage: Usage, named: Readonly<Record<string, string>>): readonly object[] =>
  Object.entries(named).map(([name, description]) => ({ [name]: { usage, description } }));

const tableLabels = columns("LABEL", { datname: "Database", schemaname: "Schema", relname: "Table" });

const TABLE_COUNTERS = {
  seq_scan: "Sequential scans",
  seq_tup_read: "Live rows fetched by sequential scans",
  idx_scan: "Index scans",
  idx_tup_fetch: "Live rows fetched by index scans",
  n_tup_ins: "Rows inserted",
  n_tup_upd: "Rows updated",
  n_tup_del: "Rows deleted",
  n_tup_hot_upd: "Rows updated in place",
  vacuum_count: "Manual vacuums",
  autovacuum_count: "Vacuums by the daemon",
};
const TABLE_GAUGES = { n_live_tup: "Live rows, estimated", n_dead_tup: "Dead rows, estimated" };
const TABLE_TIMES = {
  last_vacuum: "Time of the last manual vacuum",
  last_autovacuum: "Time of the last vacuum by the daemon",
  last_analyze: "Time of the last manual analyze",
  last_autoanalyze: "Time of the last analyze by the daemon",
};
const BLOCK_COUNTERS = {
  heap_blks_read: "Blocks read",
  heap_blks_hit: "Blocks found in the buffer",
  idx_blks_read: "Index blocks read",
  idx_blks_hit: "Index blocks found in the buffer",
};
const STATEMENT_COUNTERS = {
  calls_total: "Executions",
  seconds_total: "Time spent, in seconds",
  rows_total: "Rows retrieved or affected",
  block_read_seconds_total: "Time spent reading blocks, in seconds",
  block_write_seconds_total: "Time spent writing blocks, in seconds",
};

const zeroed = (names: readonly string[]): string => names.map((name) => `coalesce(${name}, 0) as ${name}`).join(", ");
const epoch = (names: readonly string[]): string =>
  names.map((name) => `coalesce(${name}, '1970-01-01Z') as ${name}`).join(", ");

export function postgresQueries(): object {
  const place = "current_database() as datname, schemaname, relname";
  return {
    pg_stat_user_tables: {
      query: `select ${place}, ${zeroed([...Object.keys(TABLE_COUNTERS), ...Object.keys(TABLE_GAUGES)])}, ${epoch(Object.keys(TABLE_TIMES))} from pg_stat_user_tables`,
      metrics: [
        ...tableLabels,
        ...columns("COUNTER", TABLE_COUNTERS),
        ...columns("GAUGE", TABLE_GAUGES),
        ...columns("GAUGE", TABLE_TIMES),
      ],
    },
    pg_statio_user_tables: {
      query: `select ${place}, ${zeroed(Object.keys(BLOCK_COUNTERS))} from pg_statio_user_tables`,
      metrics: [...tableLabels, ...columns("COUNTER", BLOCK_COUNTERS)],
    },
    pg_stat_statements: {
      query: `select pg_get_userbyid(s.userid) as user, d.datname, s.queryid::text as queryid, s.calls as calls_total,
        s.total_exec_time / 1000.0 as seconds_total, s.rows as rows_total, s.blk_read_time / 1000.0 as block_read_seconds_total,
        s.blk_write_time / 1000.0 as block_write_seconds_total
        from pg_stat_statements s join pg_database d on d.oid = s.dbid order by seconds_total desc limit 50`,
      metrics: [
        ...columns("LABEL", { user: "User", datname: "Database", queryid: "Statement" }),
        ...columns("COUNTER", STATEMENT_COUNTERS),
      ],
    },
    pg_long_running_transactions: {
      query: `select count(*) as transactions, coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0) as oldest_timestamp_seconds
        from pg_stat_activity where state is distinct from 'idle' and backend_type = 'client backend' and xact_start < clock_timestamp() - interval '1 min'`,
      metrics: columns("GAUGE", {
        transactions: "Transactions open for over a minute",
        oldest_timestamp_seconds: "Age of the oldest of them, in seconds",
      }),
    },
    pg_slow_queries: {
      query: `select count(*) filter (where clock_timestamp() - query_start > interval '2 min') as over_2m,
        coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0) as max_seconds
        from pg_stat_activity where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      metrics: columns("GAUGE", {
        over_2m: "Queries active for over two minutes",
        max_seconds: "Age of the oldest active query",
      }),
    },
    pg_postmaster: {
      query: "select extract(epoch from pg_postmaster_start_time()) as start_time_seconds",
      metrics: columns("GAUGE", { start_time_seconds: "Time at which the server started" }),
    },
  };
}
