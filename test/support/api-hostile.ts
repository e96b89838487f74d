/** Expressions made to hurt: each must end within the engine's deadline with the right answer or refusal. */
export interface Hostile {
  readonly name: string;
  readonly expr: string;
  /** Seconds; undefined: an instant query. */
  readonly step?: number;
  /** Statuses that are right: some end in time on a fast machine and are cut off on a slow one. */
  readonly statuses: readonly number[];
}

/** `big` has 1,000 series of 1,440 samples, a label `t` of 30 letters "a" and a number, a label `g` of ten values. */
export const HOSTILE: readonly Hostile[] = [
  { name: "a regexp that backtracks", expr: 'big{t=~"(a+)+b"}', statuses: [200] },
  { name: "a regexp that backtracks twice", expr: 'big{t=~"(a|a)*(a|aa)+$x"}', statuses: [200] },
  { name: "a regexp that explodes", expr: 'big{t=~"((a{1,100}){1,100}){1,10}"}', statuses: [400] },
  {
    name: "a regexp of 5,000 words",
    expr: `big{t=~"${Array.from({ length: 5_000 }, (_, i) => `x${i}`).join("|")}"}`,
    statuses: [200],
  },
  {
    name: "a regexp in label_replace",
    expr: 'label_replace(big, "x", "$1", "t", "((a+)+)b|(.*)")',
    step: 20,
    statuses: [200],
  },
  { name: "10 million points", expr: "big", step: 2, statuses: [200] },
  { name: "10 million rates", expr: "rate(big[5m])", step: 2, statuses: [200, 503] },
  { name: "windows of everything", expr: "quantile_over_time(0.9, big[6h])", step: 2, statuses: [200, 422, 503] },
  {
    name: "nested sub-queries",
    expr: "max_over_time(max_over_time(max_over_time(big[6h:1s])[6h:1s])[6h:1s])",
    statuses: [422, 503],
  },
  { name: "a sub-query each millisecond", expr: "sum_over_time(vector(1)[30d:1ms])", statuses: [422] },
  { name: "1 MB of text", expr: `1${"+1".repeat(500_000)}`, statuses: [400] },
  { name: "200 kB of text", expr: `1${"+1".repeat(100_000)}`, statuses: [400] },
  { name: "100,000 parentheses", expr: `${"(".repeat(100_000)}1${")".repeat(100_000)}`, statuses: [400] },
  { name: "100,000 signs", expr: `${"-".repeat(100_000)}1`, statuses: [400] },
  { name: "many to many", expr: "big * on (g) big", step: 5, statuses: [422] },
  { name: "a value each group", expr: 'count_values("v", big)', step: 2, statuses: [422, 503] },
  {
    name: "40 times everything",
    expr: Array.from({ length: 40 }, () => "sum(rate(big[1h]))").join("+"),
    step: 2,
    statuses: [200, 422, 503],
  },
  { name: "everything six times", expr: "big or big or big or big or big or big", step: 2, statuses: [200, 422, 503] },
];
