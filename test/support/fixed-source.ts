/**
 * A Source whose every answer follows from the time asked: values are formulas of the clock, so the same question
 * has the same answer on every machine and a frame drawn from it can be a golden. It knows a small shop: a host,
 * PostgreSQL, Redis, RabbitMQ and three services, on which Redis went down at 11:51 and a queue fills up.
 *
 * An expression is answered by the first metric name in it that the shop knows; functions around it are ignored.
 */
import type {
  BatchAnswer,
  BatchQuery,
  Capabilities,
  Command,
  CommandResult,
  DiscoveredTarget,
  EngineStatus,
  RuleStatus,
  Source,
  TargetStatus,
} from "../../src/api/source.ts";
import type { Alert } from "../../src/model/alert.ts";
import { fingerprint } from "../../src/model/fingerprint.ts";
import { Labels } from "../../src/model/labels.ts";
import { metricNames } from "../../src/panel/metric-names.ts";
import type { QueryResult, Value } from "../../src/promql/value.ts";
import { formulas, type Formula } from "./fixed-shop.ts";

/** Noon, the moment the goldens are drawn at. */
export const NOON: number = Date.UTC(2026, 10, 20, 12, 0, 0);
const MINUTE = 60_000;

type Journal = Awaited<ReturnType<Source["journal"]>>;
type Transition = Extract<Journal[number], { kind: "transition" }>;

export interface FixedSource extends Source {
  /** Commands received, in order. */
  readonly commands: readonly Command[];
  /** Questions of `batch`, in order. */
  readonly batches: readonly (readonly BatchQuery[])[];
  /** Until released, no question is answered. */
  stall(): void;
  release(): void;
  /** The next batches and alerts fail with this message; undefined ends it. */
  failWith(message: string | undefined): void;
}

interface Incident {
  readonly name: string;
  readonly severity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expr: string;
  readonly summary: string;
  readonly pendingAt: number;
  readonly firedAt: number;
  readonly resolvedAt: number | undefined;
  readonly value: number;
}

const INCIDENTS: readonly Incident[] = [
  {
    name: "RedisDown",
    severity: "critical",
    labels: { job: "redis", instance: "127.0.0.1:9121" },
    expr: "redis_up == 0",
    summary: "Redis at 127.0.0.1:9121 does not answer",
    pendingAt: NOON - 9 * MINUTE,
    firedAt: NOON - 8 * MINUTE,
    resolvedAt: undefined,
    value: 0,
  },
  {
    name: "QueueFillsUp",
    severity: "warning",
    labels: { job: "rabbitmq", queue: "orders.created", vhost: "/" },
    expr: "rabbitmq_queue_messages_ready > 1000",
    summary: "orders.created holds 1840 messages and grows",
    pendingAt: NOON - 6 * MINUTE,
    firedAt: NOON - 4 * MINUTE,
    resolvedAt: undefined,
    value: 1_840,
  },
  {
    name: "HighErrorRate",
    severity: "critical",
    labels: { service: "checkout", instance: "10.0.0.7:8080" },
    expr: "http_errors_ratio > 0.05",
    summary: "7.3 % of the requests to checkout fail",
    pendingAt: NOON - 70_000,
    firedAt: NOON + 4 * MINUTE,
    resolvedAt: undefined,
    value: 0.073,
  },
  {
    name: "DiskAlmostFull",
    severity: "warning",
    labels: { instance: "web-01", mountpoint: "/var" },
    expr: "node_filesystem_used_percent > 90",
    summary: "/var on web-01 was 91 % full",
    pendingAt: NOON - 50 * MINUTE,
    firedAt: NOON - 45 * MINUTE,
    resolvedAt: NOON - 30 * MINUTE,
    value: 91,
  },
];

function alertAt(incident: Incident, at: number): Alert | undefined {
  const over = incident.resolvedAt !== undefined && at >= incident.resolvedAt;
  if (at < incident.pendingAt || over) return undefined;
  const firing = at >= incident.firedAt;
  return {
    labels: Labels.from({ alertname: incident.name, severity: incident.severity, ...incident.labels }),
    annotations: Labels.from({ summary: incident.summary }),
    state: firing ? "firing" : "pending",
    value: incident.value,
    activeAt: incident.pendingAt,
    firedAt: firing ? incident.firedAt : undefined,
    resolvedAt: undefined,
    lastEvalAt: at,
    rule: { group: "shop", file: "rules/shop.yml", name: incident.name, expr: incident.expr },
    generatorUrl: "",
  };
}

function transitionsOf(incident: Incident): readonly Transition[] {
  const labels = Labels.from({ alertname: incident.name, severity: incident.severity, ...incident.labels });
  const one = (at: number, from: Transition["from"], to: Transition["to"], reason: string): Transition => ({
    kind: "transition",
    at,
    fingerprint: fingerprint(labels),
    labels: labels.toJSON(),
    annotations: { summary: incident.summary },
    group: "shop",
    rule: incident.name,
    ruleVersion: "1",
    from,
    to,
    value: incident.value,
    activeAt: incident.pendingAt,
    reason,
  });
  return [
    one(incident.pendingAt, "inactive", "pending", "the expression returned it"),
    one(incident.firedAt, "pending", "firing", "true for long enough"),
    ...(incident.resolvedAt === undefined
      ? []
      : [one(incident.resolvedAt, "firing", "inactive", "no longer returned")]),
  ];
}

const TARGETS: readonly TargetStatus[] = [
  target("host", "builtin:host", "up", "", 412, 3),
  target("postgres", "http://127.0.0.1:9187/metrics", "up", "", 806, 41),
  target("rabbitmq", "http://127.0.0.1:15692/metrics", "up", "", 623, 18),
  target(
    "redis",
    "http://127.0.0.1:9121/metrics",
    "down",
    "connection refused by 127.0.0.1:9121: nothing listens there",
    0,
    1,
  ),
  target("shop", "http://10.0.0.7:8080/metrics", "up", "", 188, 7),
];

function target(
  job: string,
  url: string,
  health: TargetStatus["health"],
  lastError: string,
  samples: number,
  lastDurationMs: number,
): TargetStatus {
  const instance = url.replace(/^https?:\/\//, "").replace(/\/metrics$/, "");
  return {
    job,
    url,
    labels: Labels.from({ job, instance }),
    health,
    lastError,
    lastScrapeAt: NOON - 4_000,
    lastDurationMs,
    samples,
    intervalMs: 15_000,
    timeoutMs: 10_000,
  };
}

const DISCOVERED: readonly DiscoveredTarget[] = [
  { scraper: "nginx", url: "http://127.0.0.1:9113/metrics", doc: "nginx: connections and requests from stub_status" },
];

export interface FixedSourceOptions {
  /** Ends of what the source knows about; "now" is this moment. */
  readonly now?: () => number;
  readonly capabilities?: Partial<Capabilities>;
  /** More series, e.g. hostile ones. */
  readonly extra?: ReadonlyMap<string, readonly Formula[]>;
  readonly alerts?: readonly Alert[];
  /** What the engine says of itself. */
  readonly items?: EngineStatus["items"];
}

export function fixedSource(options: FixedSourceOptions = {}): FixedSource {
  const now = options.now ?? (() => NOON);
  const shop = new Map([...formulas(NOON), ...(options.extra ?? [])]);
  const commands: Command[] = [];
  const batches: (readonly BatchQuery[])[] = [];
  let stalled: { readonly promise: Promise<void>; readonly release: () => void } | undefined;
  let failure: string | undefined;
  const open = async (): Promise<void> => stalled?.promise;
  const evaluate = (expr: string, start: number, end: number, stepMs: number): QueryResult => {
    const name = metricNames(expr).find((known) => shop.has(known));
    const found = name === undefined ? [] : (shop.get(name) ?? []);
    const value: Value =
      stepMs === 0
        ? {
            kind: "vector",
            t: end,
            samples: found.flatMap(({ labels, at }) => {
              const v = at(end);
              return v === undefined ? [] : [{ labels, v }];
            }),
          }
        : { kind: "matrix", series: found.map(({ labels, at }) => columnsOf(labels, at, start, end, stepMs)) };
    const stats = { seriesRead: found.length, samplesRead: 0, elapsedMs: 0, resolutionMs: 0 };
    return { value, warnings: [], infos: [], stats };
  };
  return {
    commands,
    batches,
    stall() {
      let release = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        release = resolve;
      });
      stalled = { promise, release };
    },
    release() {
      stalled?.release();
      stalled = undefined;
    },
    failWith(message) {
      failure = message;
    },
    async capabilities() {
      await open();
      const engine = {
        kind: "engine",
        place: "/run/opsmon.sock",
        targets: true,
        rules: true,
        journal: true,
        control: true,
      } as const;
      return { ...engine, ...options.capabilities };
    },
    async query(expr, at) {
      await open();
      return evaluate(expr, at, at, 0);
    },
    async queryRange(expr, start, end, stepMs) {
      await open();
      return evaluate(expr, start, end, stepMs);
    },
    async batch(queries) {
      batches.push(queries);
      await open();
      if (failure !== undefined) throw new Error(failure);
      return queries.map(
        ({ id, expr, start, end, stepMs }): BatchAnswer => ({
          id,
          ok: true,
          result: evaluate(expr, start, end, stepMs),
        }),
      );
    },
    async labelNames() {
      await open();
      return ["__name__", "instance", "job", "queue", "service"];
    },
    async labelValues(name) {
      await open();
      return name === "__name__" ? [...shop.keys()].toSorted() : [];
    },
    async series() {
      await open();
      return [];
    },
    async metadata() {
      await open();
      return new Map();
    },
    async alerts(at) {
      await open();
      if (failure !== undefined) throw new Error(failure);
      if (options.alerts !== undefined) return options.alerts;
      const moment = at === "now" ? now() : at;
      return INCIDENTS.flatMap((incident) => alertAt(incident, moment) ?? []);
    },
    async rules(): Promise<readonly RuleStatus[]> {
      await open();
      return [];
    },
    async targets() {
      await open();
      return TARGETS;
    },
    async discovered() {
      await open();
      return DISCOVERED;
    },
    async journal(kinds, start, end, limit = 1_000) {
      await open();
      const moment = now();
      const all = INCIDENTS.flatMap(transitionsOf).filter(({ at }) => at >= start && at <= end && at <= moment);
      return kinds.includes("transition") ? all.toSorted((a, b) => a.at - b.at).slice(-limit) : [];
    },
    async status(): Promise<EngineStatus> {
      await open();
      return {
        version: "0.1.0",
        pid: 4_711,
        startedAt: NOON - 3_600_000,
        dataDir: "/var/lib/opsmon",
        configFile: "/etc/opsmon/opsmon.yml",
        embedded: false,
        items: options.items ?? [],
      };
    },
    async command(command): Promise<CommandResult> {
      await open();
      commands.push(command);
      return { text: `done: ${command.kind}` };
    },
    async [Symbol.asyncDispose]() {
      this.release();
    },
  };
}

function columnsOf(
  labels: Labels,
  at: Formula["at"],
  start: number,
  end: number,
  stepMs: number,
): { readonly labels: Labels; readonly t: Float64Array; readonly v: Float64Array } {
  const t: number[] = [];
  const v: number[] = [];
  for (let time = start; time <= end; time += stepMs) {
    const value = at(time);
    if (value === undefined) continue;
    t.push(time);
    v.push(value);
  }
  return { labels, t: Float64Array.from(t), v: Float64Array.from(v) };
}
