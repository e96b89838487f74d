/**
 * What each demonstration service exposes. The status label has three spellings on purpose, as the services of
 * real teams do: `route,status_code` with a client, `path,status`, and `endpoint,code` with a user and a class.
 */
import client, { type Counter, type Gauge, Histogram } from "prom-client";

export const SERVICES = ["mes-api", "shop-api", "crm-api", "calculation-service", "emr-service"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** One finished HTTP request. */
export interface Finished {
  readonly method: string;
  readonly route: string;
  readonly code: number;
  readonly client: string;
  readonly seconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 0.7, 1, 2, 3, 5, 7, 10];
const SIZE_BUCKETS = [100, 1e3, 1e4, 1e5, 1e6];

type Style = (finished: Finished) => Readonly<Record<string, string>>;

const STYLES: Readonly<Record<"route" | "path" | "endpoint", Style>> = {
  route: ({ method, route, code }) => ({ method, route, status_code: String(code) }),
  path: ({ method, route, code }) => ({ method, path: route, status: String(code) }),
  endpoint: ({ method, route, code }) => ({ endpoint: `${method} ${route}`, code: `${Math.floor(code / 100)}xx` }),
};

function styleOf(service: ServiceName): "route" | "path" | "endpoint" {
  if (service === "emr-service") return "path";
  return service === "crm-api" ? "endpoint" : "route";
}

export interface DemoMetrics {
  readonly registry: client.Registry;
  finish(finished: Finished): void;
  readonly inFlight: Gauge;
  readonly sessions: Gauge;
  readonly dbErrors: Counter<"operation">;
  readonly cacheErrors: Counter<"operation">;
  readonly cacheRequests: Counter<"result">;
  readonly orders: Gauge<"status"> | undefined;
  readonly orderWait: Histogram | undefined;
  readonly calculation: CalculationMetrics | undefined;
  readonly sync: Histogram<"emr_system" | "sync_type"> | undefined;
  readonly tasks: Counter<"operation" | "status"> | undefined;
  readonly uploadSize: Histogram | undefined;
  readonly s3Errors: Counter<"operation"> | undefined;
  /** One series a user: the mistake of `break cardinality`. 0 removes it. */
  explode(series: number): void;
}

export interface CalculationMetrics {
  readonly duration: Histogram;
  readonly inProgress: Gauge;
  readonly finished: Counter<"result">;
  readonly errors: Counter<"reason">;
}

const EXPLOSION_SERIES_MAX = 20_000;

function makers(registry: client.Registry) {
  const registers = [registry];
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
      new client.Counter({ name, help, labelNames: [...labelNames], registers }),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
      new client.Gauge({ name, help, labelNames: [...labelNames], registers }),
    histogram: <L extends string>(
      name: string,
      help: string,
      labelNames: readonly L[],
      buckets: readonly number[],
    ): Histogram<L> => new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers }),
  };
}

function calculationMetrics(make: ReturnType<typeof makers>): CalculationMetrics {
  const metrics: CalculationMetrics = {
    duration: make.histogram(
      "calculation_duration_seconds",
      "Cost calculation duration",
      [],
      [1, 5, 15, 30, 60, 300, 600, 1200, 1800, 3600, 7200],
    ),
    inProgress: make.gauge("calculations_in_progress", "Calculations in progress"),
    finished: make.counter("calculations_total", "Finished calculations", ["result"]),
    errors: make.counter("calculation_errors_total", "Failed calculations", ["reason"]),
  };
  for (const result of ["success", "error"]) metrics.finished.inc({ result }, 0);
  return metrics;
}

export function demoMetrics(service: ServiceName): DemoMetrics {
  const registry = new client.Registry();
  registry.setDefaultLabels({ service });
  client.collectDefaultMetrics({ register: registry });
  const make = makers(registry);
  const style = styleOf(service);
  const labelsOf = STYLES[style];
  const labelNames = Object.keys(
    labelsOf({ method: "", route: "", code: 200, client: "", seconds: 0, receivedBytes: 0, sentBytes: 0 }),
  );
  const who = { route: "client", path: undefined, endpoint: "user" }[style];
  const requests = make.counter(
    "http_requests_total",
    "HTTP requests",
    who === undefined ? labelNames : [...labelNames, who],
  );
  const duration = make.histogram(
    "http_request_duration_seconds",
    "Duration of HTTP requests in seconds",
    labelNames,
    DURATION_BUCKETS,
  );
  const received = make.histogram(
    "http_request_size_bytes",
    "Bytes of request bodies",
    labelNames.slice(0, -1),
    SIZE_BUCKETS,
  );
  const sent = make.histogram(
    "http_response_size_bytes",
    "Bytes of response bodies",
    labelNames.slice(0, -1),
    SIZE_BUCKETS,
  );
  return {
    registry,
    finish(finished) {
      const labels = labelsOf(finished);
      const place = Object.fromEntries(Object.entries(labels).slice(0, -1));
      requests.inc(who === undefined ? labels : { ...labels, [who]: finished.client });
      duration.observe(labels, finished.seconds);
      received.observe(place, finished.receivedBytes);
      sent.observe(place, finished.sentBytes);
    },
    inFlight: make.gauge("http_requests_in_flight", "Requests being served"),
    sessions: make.gauge("active_sessions", "Sessions seen in the last 5 minutes"),
    dbErrors: make.counter("db_errors_total", "Database errors", ["operation"]),
    cacheErrors: make.counter("cache_errors_total", "Cache errors", ["operation"]),
    cacheRequests: make.counter("cache_requests_total", "Cache lookups", ["result"]),
    ...orderMetrics(service, make),
    calculation: service === "calculation-service" ? calculationMetrics(make) : undefined,
    ...syncMetrics(service, make),
    ...uploadMetrics(service, make),
    explode(series) {
      const name = "http_requests_by_user_total";
      registry.removeSingleMetric(name);
      if (series <= 0) return;
      const byUser = make.counter(name, "One series per user", ["user_id", "request_path"]);
      for (let i = 0; i < Math.min(EXPLOSION_SERIES_MAX, series); i++) {
        byUser.inc({ user_id: `u${i}`, request_path: `/orders/${i}` });
      }
    },
  };
}

function orderMetrics(
  service: ServiceName,
  make: ReturnType<typeof makers>,
): Pick<DemoMetrics, "orders" | "orderWait"> {
  if (service !== "mes-api") return { orders: undefined, orderWait: undefined };
  return {
    orders: make.gauge("orders_in_status", "Orders by status", ["status"]),
    orderWait: make.histogram(
      "order_new_to_in_progress_seconds",
      "Time from a new order to work on it",
      [],
      [60, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 14400],
    ),
  };
}

function syncMetrics(service: ServiceName, make: ReturnType<typeof makers>): Pick<DemoMetrics, "sync" | "tasks"> {
  if (service !== "emr-service") return { sync: undefined, tasks: undefined };
  return {
    sync: make.histogram(
      "emr_sync_duration_seconds",
      "Record synchronization duration",
      ["emr_system", "sync_type"],
      [0.5, 1, 2, 3, 5, 10],
    ),
    tasks: make.counter("tasks_total", "Task operations", ["operation", "status"]),
  };
}

function uploadMetrics(
  service: ServiceName,
  make: ReturnType<typeof makers>,
): Pick<DemoMetrics, "uploadSize" | "s3Errors"> {
  if (service !== "shop-api") return { uploadSize: undefined, s3Errors: undefined };
  return {
    uploadSize: make.histogram("s3_upload_size_bytes", "Size of uploaded files", [], [1e4, 1e5, 1e6, 1e7, 1e8]),
    s3Errors: make.counter("s3_errors_total", "Failed storage operations", ["operation"]),
  };
}
