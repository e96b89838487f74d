/** Made from rules/redis-alternatives.yml by rules/embed.ts; edit that file. */
export const redisAlternatives: string = [
  "# Another name for \"Redis is away\". Off unless chosen.",
  "#",
  "# Variables (the value in front of a mark is the default):",
  "#   down_for  how long Redis may be away",
  "groups:",
  "  - name: redis-alternatives",
  "    rules:",
  "      - alert: RedisUnavailable",
  "        expr: redis_up == 0 or absent(redis_up)",
  "        for: 1m # ${down_for}",
  "        labels: { severity: critical }",
  "        annotations:",
  "          summary: Redis is not available {{ $labels.instance }}",
  "          panel: redis.up",
  "",
].join("\n");
