/** Prometheus' dotted flag names, which people and scripts have in their fingers, become our own before parsing. */

const ALIASES: Readonly<Record<string, string>> = {
  "config.file": "config",
  "storage.tsdb.path": "data",
  "storage.tsdb.retention.time": "retention",
  "storage.tsdb.retention.size": "retention-size",
  "web.listen-address": "listen",
  "web.config.file": "web-config",
  "query.timeout": "query-timeout",
  "query.lookback-delta": "lookback",
  "log.level": "log-level",
};

/** `--config.file=x` and `--config.file x` alike; everything after `--` stays as it is. */
export function normaliseArguments(argv: readonly string[]): string[] {
  const out: string[] = [];
  let literal = false;
  for (const argument of argv) {
    if (argument === "--") literal = true;
    const match = literal ? null : /^--([a-z]+(?:\.[a-z-]+)+)(=.*)?$/s.exec(argument);
    const own = match === null ? undefined : ALIASES[match[1] as string];
    out.push(own === undefined ? argument : `--${own}${match?.[2] ?? ""}`);
  }
  // A bare `opsmon` shows what most people came for.
  return out.length === 0 ? ["--help"] : out;
}
