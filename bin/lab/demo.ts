/**
 * One demonstration service: `node demo.ts SERVICE`, ports and addresses from the environment. It takes orders,
 * uploads and synchronizations over HTTP, keeps them in Postgres behind Redis, has them calculated through
 * RabbitMQ, and exposes what it does on /metrics. `/_fault?name=value` breaks it on purpose.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import client from "prom-client";
import { connectBackends, type Faults, sleep } from "./demo/backends.ts";
import { demoMetrics, SERVICES, type ServiceName } from "./demo/metrics.ts";

const service: ServiceName | undefined = SERVICES.find((name) => name === process.argv[2]);
const env: NodeJS.ProcessEnv = process.env;
if (service === undefined) throw new Error(`usage: demo.ts ${SERVICES.join("|")}`);

const faults: Faults = {
  errors: 0,
  slow: 0,
  calc_errors: 0,
  calc_slow: 0,
  wait_slow: 0,
  cardinality: 0,
  hold: 0,
  s3_errors: 0,
};
const metrics = demoMetrics(service);
// one service speaks OpenMetrics, as new client libraries do
if (service === "calculation-service")
  metrics.registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never);
// a counter that appears with its first error has no rate then: start it at 0
for (const operation of ["select", "insert", "update"]) metrics.dbErrors.inc({ operation }, 0);
for (const operation of ["get", "set"]) metrics.cacheErrors.inc({ operation }, 0);
const backends = connectBackends(
  {
    postgres: env["DEMO_POSTGRES"] ?? "",
    redisPort: Number(env["DEMO_REDIS_PORT"] ?? 0),
    amqp: env["DEMO_AMQP"] ?? "",
  },
  metrics,
  faults,
);

const SESSION_MS = 300_000;
const SLOW_MS_MAX = 9_000;
const sessions = new Map<string, number>();

type Handler = (id: string) => Promise<unknown>;

const routes: Readonly<Record<string, Handler>> = {
  "GET /orders": () =>
    backends.cached("orders", () =>
      backends.query("select", "select id, status from orders order by id desc limit 20"),
    ),
  "GET /orders/:id": (id) =>
    backends.cached(`order:${id}`, () => backends.query("select", "select * from orders where id = $1", [id])),
  "POST /orders": async () => {
    const rows = await backends.query("insert", "insert into orders(status) values('new') returning id");
    backends.publish(rows);
    return rows;
  },
  "POST /orders/take": async () => {
    const move = `update orders set status = $2 where id =
      (select id from orders where status = $1 order by id limit 1 for update skip locked) returning id`;
    const taken = await backends.query("update", move, ["new", "in_progress"]);
    metrics.orderWait?.observe(faults.wait_slow ? 2_000 + Math.random() * 4_000 : 30 + Math.random() * 900);
    await backends.query("update", move, ["in_progress", "done"]);
    return taken;
  },
  "POST /files": async () => {
    const bytes = Math.floor(Math.exp(9 + Math.random() * 9));
    metrics.uploadSize?.observe(bytes);
    if (Math.random() < (faults.s3_errors || 0.02))
      metrics.s3Errors?.inc({ operation: Math.random() < 0.5 ? "read" : "write" });
    return { bytes };
  },
  "POST /emr/sync": async () => {
    const seconds = Math.random() * 3;
    metrics.sync?.observe({ emr_system: Math.random() < 0.5 ? "epic" : "cerner", sync_type: "incremental" }, seconds);
    metrics.tasks?.inc({ operation: "sync", status: seconds > 2.9 ? "failed" : "ok" });
    return {};
  },
  "GET /health": async () => ({ ok: true }),
};

async function work(key: string, id: string): Promise<{ readonly code: number; readonly body: string }> {
  if (faults.slow > 0) await sleep(Math.min(SLOW_MS_MAX, faults.slow * (0.7 + Math.random() * 0.6)));
  const handler = routes[key];
  if (handler === undefined) return { code: 404, body: "" };
  if (Math.random() < faults.errors) return { code: 500, body: "" };
  try {
    return { code: 200, body: JSON.stringify(await handler(id)) };
  } catch {
    return { code: 503, body: "" };
  }
}

function header(request: IncomingMessage, name: string, fallback: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : fallback;
}

async function serve(request: IncomingMessage, response: ServerResponse, pathname: string): Promise<void> {
  const startedAt = performance.now();
  metrics.inFlight.inc();
  let receivedBytes = 0;
  for await (const part of request) receivedBytes += (part as Buffer).length;
  const id = /^\/orders\/(\d+)$/.exec(pathname)?.[1];
  const route = id === undefined ? pathname : "/orders/:id";
  const key = `${request.method ?? "GET"} ${route}`;
  sessions.set(header(request, "x-session", "anonymous"), Date.now());
  const { code, body } = await work(key, id ?? "");
  response.statusCode = code;
  response.end(body);
  metrics.finish({
    method: request.method ?? "GET",
    route: routes[key] === undefined ? "unmatched" : route,
    code,
    client: header(request, "x-client", "unknown"),
    seconds: (performance.now() - startedAt) / 1000,
    receivedBytes,
    sentBytes: body.length,
  });
  metrics.inFlight.dec();
}

function setFaults(query: URLSearchParams): string {
  for (const [name, value] of query) if (name in faults) faults[name as keyof Faults] = Number(value);
  if (query.has("cardinality")) metrics.explode(faults.cardinality);
  return `${JSON.stringify(faults)}\n`;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/metrics") {
    response.setHeader("content-type", metrics.registry.contentType);
    response.end(await metrics.registry.metrics());
  } else if (url.pathname === "/_fault") {
    response.end(setFaults(url.searchParams));
  } else {
    await serve(request, response, url.pathname);
  }
}

async function countOrders(): Promise<void> {
  const rows = await backends.query("select", "select status, count(*)::int as n from orders group by status");
  for (const row of rows) metrics.orders?.set({ status: String(row["status"]) }, Number(row["n"]));
}

setInterval(() => {
  for (const [session, seenAt] of sessions) if (Date.now() - seenAt > SESSION_MS) sessions.delete(session);
  metrics.sessions.set(sessions.size);
  if (metrics.orders === undefined) return;
  void countOrders().catch(() => undefined);
}, 2_000);

http
  .createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  })
  .listen(Number(env["DEMO_PORT"]), "127.0.0.1");
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
