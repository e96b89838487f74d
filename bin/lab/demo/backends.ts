/**
 * The database, cache and queue behind a demonstration service. Each may be down at any time: the service keeps
 * answering, counts the errors and reconnects by itself.
 */
import amqp, { type Channel, type ConsumeMessage } from "amqplib";
import { Redis } from "ioredis";
import { Pool } from "pg";
import type { DemoMetrics } from "./metrics.ts";

/** What `break` has switched on in this service; all 0 = healthy. */
export interface Faults {
  /** Share of requests answered 500. */
  errors: number;
  /** Milliseconds added to each request. */
  slow: number;
  calc_errors: number;
  calc_slow: number;
  wait_slow: number;
  cardinality: number;
  /** Milliseconds a calculation holds its message. */
  hold: number;
  /** Share of uploads that fail. */
  s3_errors: number;
}

export interface Backends {
  query(operation: string, sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Reads through the cache; without a cache, straight from `load`. */
  cached(key: string, load: () => Promise<unknown>): Promise<unknown>;
  /** Asks for a calculation; lost when the broker is down, as a careless service would. */
  publish(body: unknown): void;
}

const QUERY_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 1_000;
const CACHE_SECONDS = 3;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function database(url: string, metrics: DemoMetrics): Backends["query"] {
  const pool = new Pool({
    connectionString: url,
    max: 3,
    connectionTimeoutMillis: 1_000,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  pool.on("error", () => metrics.dbErrors.inc({ operation: "idle" }));
  return async (operation, sql, values = []) => {
    try {
      return (await pool.query<Record<string, unknown>>(sql, [...values])).rows;
    } catch (error) {
      metrics.dbErrors.inc({ operation });
      throw error;
    }
  };
}

function cache(port: number, metrics: DemoMetrics): Backends["cached"] {
  if (!port) return (_key, load) => load();
  const redis = new Redis({
    host: "127.0.0.1",
    port,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: (times) => Math.min(RECONNECT_MS, times * 100),
  });
  // without a listener the client would end the process; the errors are counted where they matter
  redis.on("error", () => undefined);
  return async (key, load) => {
    const found = await redis.get(key).catch(() => {
      metrics.cacheErrors.inc({ operation: "get" });
      return null;
    });
    metrics.cacheRequests.inc({ result: found === null ? "miss" : "hit" });
    if (found !== null) return JSON.parse(found) as unknown;
    const value = await load();
    await redis
      .set(key, JSON.stringify(value), "EX", CACHE_SECONDS)
      .catch(() => metrics.cacheErrors.inc({ operation: "set" }));
    return value;
  };
}

interface Around {
  readonly metrics: DemoMetrics;
  readonly faults: Faults;
  readonly query: Backends["query"];
}

/** Durations are simulated: a calculation of 40 minutes cannot be waited for. */
async function calculate(channel: Channel, message: ConsumeMessage, around: Around): Promise<void> {
  const { metrics, faults, query } = around;
  const calculation = metrics.calculation;
  if (calculation === undefined) return;
  calculation.inProgress.inc();
  await sleep(20 + Math.random() * 60 + faults.hold);
  calculation.inProgress.dec();
  calculation.duration.observe(faults.calc_slow ? 2_000 + Math.random() * 3_000 : 5 + Math.random() * 600);
  // the price list; a database that is down is counted by query() and does not stop the calculation
  await query("select", "select count(*) from orders where status = $1", ["new"]).catch(() => undefined);
  const failed = Math.random() < (faults.calc_errors || 0.02);
  calculation.finished.inc({ result: failed ? "error" : "success" });
  if (failed) calculation.errors.inc({ reason: Math.random() < 0.8 ? "model" : "db" });
  try {
    if (failed) channel.nack(message, false, false);
    else channel.ack(message);
  } catch {
    // the channel closed meanwhile: the broker hands the message out again
  }
}

async function consume(open: () => Promise<Channel>, around: Around): Promise<void> {
  const requests = await open();
  await requests.prefetch(5);
  await requests.consume("calc.requests", (message) => {
    if (message !== null) void calculate(requests, message, around);
  });
  // a consumer that never acknowledges: seven messages stay unacked for ever
  const review = await open();
  await review.prefetch(7);
  await review.consume("manual.review", () => undefined);
}

function queue(url: string, around: Around): Backends["publish"] {
  let channel: Channel | undefined;
  const connect = async (): Promise<void> => {
    try {
      const connection = await amqp.connect(url);
      connection.on("error", () => undefined);
      connection.on("close", () => {
        channel = undefined;
        setTimeout(() => void connect(), RECONNECT_MS);
      });
      const open = async (): Promise<Channel> => {
        const opened = await connection.createChannel();
        opened.on("error", () => undefined);
        return opened;
      };
      channel = await open();
      if (around.metrics.calculation !== undefined) await consume(open, around);
    } catch {
      setTimeout(() => void connect(), RECONNECT_MS);
    }
  };
  void connect();
  return (body) => void channel?.publish("calc", "request", Buffer.from(JSON.stringify(body)), { persistent: false });
}

export function connectBackends(
  urls: { readonly postgres: string; readonly redisPort: number; readonly amqp: string },
  metrics: DemoMetrics,
  faults: Faults,
): Backends {
  const query = database(urls.postgres, metrics);
  return { query, cached: cache(urls.redisPort, metrics), publish: queue(urls.amqp, { metrics, faults, query }) };
}
