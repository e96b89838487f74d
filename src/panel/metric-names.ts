/**
 * Metric names in an expression, without a parser: panels may not import one, and only need names to say
 * "never scraped: redis_up". Strings, matchers, groupings, functions and keywords are passed over.
 */

const WORDS = new Set([
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "bool",
  "offset",
  "and",
  "or",
  "unless",
  "atan2",
  "inf",
  "nan",
  "start",
  "end",
]);
const GROUPING = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const TOKEN = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[{}()[\]]|[0-9][\w.]*|[a-zA-Z_:][\w:]*/g;

/** Names in order of appearance, each once. `{__name__="x"}` counts when it is an equality. */
export function metricNames(expr: string): readonly string[] {
  const names = new Set<string>();
  for (const match of expr.matchAll(/__name__\s*=\s*"([a-zA-Z_:][\w:]*)"/g)) names.add(match[1] as string);
  const tokens = [...expr.matchAll(TOKEN)].map((match) => match[0]);
  let braces = 0;
  let brackets = 0;
  let grouping = false;
  tokens.forEach((token, i) => {
    if (token === "{") braces += 1;
    else if (token === "}") braces -= 1;
    else if (token === "[") brackets += 1;
    else if (token === "]") brackets -= 1;
    else if (token === ")") grouping = false;
    else if (token === "(" && GROUPING.has((tokens[i - 1] ?? "").toLowerCase())) grouping = true;
    else if (braces === 0 && brackets === 0 && !grouping && /^[a-zA-Z_:]/.test(token)) {
      if (tokens[i + 1] === "(" || WORDS.has(token.toLowerCase()) || AGGREGATIONS.has(token)) return;
      names.add(token);
    }
  });
  return [...names];
}

/** Written before their grouping: `sum by (x) (y)`. */
const AGGREGATIONS = new Set([
  "sum",
  "avg",
  "min",
  "max",
  "count",
  "stddev",
  "stdvar",
  "group",
  "topk",
  "bottomk",
  "quantile",
  "count_values",
]);
