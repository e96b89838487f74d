/**
 * The documents' incidents as data: what `break NAME` does and what `fix NAME` undoes. All are bounded: sizes are
 * capped, aggressors end by themselves. One-shot incidents have nothing to undo.
 */
import { rmSync, writeFileSync } from "node:fs";
import { Redis } from "ioredis";
import { call, publish, purge } from "./broker.ts";
import { emptyDisk, fillDisk } from "./disk.ts";
import { pidOf, start, stop } from "./process.ts";
import { script, service, sql } from "./services.ts";
import { type Lab, LabError, type PortName } from "./settings.ts";
import { bringUp } from "./up.ts";

export interface Incident {
  readonly doc: string;
  readonly begin: (lab: Lab) => Promise<void>;
  readonly end?: (lab: Lab) => Promise<void>;
  /** Whose mode it sets: of the incidents with the same one, the latest is in force and ending any ends it. */
  readonly switch?: PortName;
}

const WEB: readonly PortName[] = ["mes", "shop", "crm", "emr"];
const HOLD_SECONDS = "300";

async function fault(lab: Lab, ports: readonly PortName[], query: string): Promise<void> {
  for (const port of ports) await call(`http://127.0.0.1:${lab.port[port]}/_fault?${query}`);
}

/** An incident of a demonstration service: a knob set and set back to 0. */
function knob(doc: string, ports: readonly PortName[], name: string, value: number): Incident {
  return {
    doc,
    begin: (lab) => fault(lab, ports, `${name}=${value}`),
    end: (lab) => fault(lab, ports, `${name}=0`),
  };
}

function down(name: string, doc: string): Incident {
  return {
    doc,
    begin: (lab) => stop(lab, name, service(name).signal, service(name).endMs),
    end: (lab) => bringUp(lab, service(name), () => undefined),
  };
}

/** A program that holds or asks for too much until it is ended or its time is over. */
function aggressor(name: string, doc: string, argv: (lab: Lab) => readonly string[]): Incident {
  return {
    doc,
    begin: (lab) => start(lab, `break-${name}`, script("hold", argv(lab))),
    end: (lab) => stop(lab, `break-${name}`, "SIGTERM", 3_000),
  };
}

/** A held calculation sleeps for long: only a restart lets go of its messages. */
async function restartCalculation(lab: Lab): Promise<void> {
  await stop(lab, "calculation-service");
  await bringUp(lab, service("calculation-service"), () => undefined);
  await purge(lab, "calc.requests");
  await purge(lab, "calc.dead");
}

async function withRedis(lab: Lab, use: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis({ host: "127.0.0.1", port: lab.port.redis, lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** A statement that runs on in the server: ending the client would not end it. */
function statement(name: string, doc: string, text: string): Incident {
  return {
    doc,
    begin: (lab) =>
      start(lab, `break-${name}`, script("hold", ["pg-run", String(lab.port.postgres), "1", HOLD_SECONDS, text])),
    async end(lab) {
      await stop(lab, `break-${name}`, "SIGTERM", 3_000);
      await sql(
        lab,
        "lab",
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lab-hold'",
      );
    },
  };
}

function mode(port: PortName, name: string, doc: string): Incident {
  const set = (lab: Lab, to: string): Promise<void> => call(`http://127.0.0.1:${lab.port[port]}/mode?m=${to}`);
  return { doc, begin: (lab) => set(lab, name), end: (lab) => set(lab, "ok"), switch: port };
}

/** Seen by the hand-written pages through the marker that every incident leaves. */
const marker = (doc: string): Incident => ({ doc, begin: async () => undefined, end: async () => undefined });

async function deadlock(lab: Lab): Promise<void> {
  const take = (id: number): string => `select from orders where id = ${id} for update`;
  for (let i = 0; i < 7; i++) {
    const both = [
      ["begin", take(1), "select pg_sleep(0.4)", take(2), "commit"],
      ["begin", take(2), "select pg_sleep(0.4)", take(1), "commit"],
    ];
    // the server ends one of the two: that is the incident
    await Promise.allSettled(both.map((each) => sql(lab, "lab", ...each)));
  }
}

const EXPORTER_MODES =
  "500 401 hang reset garbage html truncated cutline drip redirect dup empty nan future latin1 crlf many longline escapes gzipbomb badgzip openmetrics noeof";

const SERVICE_INCIDENTS: Readonly<Record<string, Incident>> = {
  "redis-down": down("redis", "Redis is stopped"),
  "pg-down": down("postgres", "Postgres is stopped"),
  "rabbitmq-down": down("rabbitmq", "RabbitMQ is stopped"),
  "nginx-down": down("nginx", "nginx is stopped"),
  "app-down": down("mes-api", "one application is stopped"),
  "pgexporter-down": down("postgres-exporter", "the Postgres exporter is stopped"),
  "redisexporter-down": down("redis-exporter", "the Redis exporter is stopped"),
  "http-5xx": knob("40 % of the requests to four services fail", WEB, "errors", 0.4),
  "http-slow": knob("four services answer after some 2.5 s", WEB, "slow", 2_500),
  "http-flap": knob("6 % of the requests to one service fail", ["mes"], "errors", 0.06),
  "order-wait": knob("orders wait for over 30 minutes", ["mes"], "wait_slow", 1),
  "s3-errors": knob("half of the uploads fail", ["shop"], "s3_errors", 0.5),
  cardinality: knob("one service exposes 10,000 series, one a user", ["mes"], "cardinality", 10_000),
  "rps-spike": aggressor("rps-spike", "300 requests/s for 30 s", ({ port }) => [
    "burst",
    String(port.nginx),
    "300",
    "30",
  ]),
  cpu: aggressor("cpu", "one core is busy for a minute", () => ["cpu", "0", "1", "60"]),
};

const QUEUE_INCIDENTS: Readonly<Record<string, Incident>> = {
  "queue-fill": {
    doc: "20,000 calculations wait, each takes 5 s",
    async begin(lab) {
      await fault(lab, ["calc"], "hold=5000");
      await publish(lab, "request", 20_000);
    },
    end: restartCalculation,
  },
  unacked: {
    doc: "calculations hold their messages for a minute",
    async begin(lab) {
      await fault(lab, ["calc"], "hold=60000");
      await publish(lab, "request", 50);
    },
    end: restartCalculation,
  },
  "dead-letters": {
    doc: "every calculation fails and its message is dead-lettered",
    async begin(lab) {
      await fault(lab, ["calc"], "calc_errors=1");
      await publish(lab, "request", 300);
    },
    async end(lab) {
      await fault(lab, ["calc"], "calc_errors=0");
      await purge(lab, "calc.dead");
    },
  },
  "calc-errors": {
    doc: "60 % of the calculations fail",
    async begin(lab) {
      await fault(lab, ["calc"], "calc_errors=0.6");
      await publish(lab, "request", 300);
    },
    end: (lab) => fault(lab, ["calc"], "calc_errors=0"),
  },
  "calc-slow": {
    doc: "calculations take over 30 minutes",
    async begin(lab) {
      await fault(lab, ["calc"], "calc_slow=1");
      await publish(lab, "request", 300);
    },
    end: (lab) => fault(lab, ["calc"], "calc_slow=0"),
  },
};

const STORE_INCIDENTS: Readonly<Record<string, Incident>> = {
  "pg-slow-query": statement("pg-slow-query", "one statement runs for minutes", "select pg_sleep(240)"),
  "pg-locks": statement(
    "pg-locks",
    "a table is locked",
    "begin; lock table orders in access exclusive mode; select pg_sleep(120)",
  ),
  "pg-idle-tx": aggressor("pg-idle-tx", "five transactions stay open", ({ port }) => [
    "pg-idle-tx",
    String(port.postgres),
    "5",
    HOLD_SECONDS,
  ]),
  "pg-connections": aggressor("pg-connections", "46 of 60 connections are held", ({ port }) => [
    "pg",
    String(port.postgres),
    "46",
    HOLD_SECONDS,
  ]),
  "pg-deadlock": { doc: "seven deadlocks", begin: deadlock },
  "pg-tempfiles": {
    doc: "a sort spills to disk",
    begin: async (lab) =>
      void (await sql(
        lab,
        "lab",
        "set work_mem = '64kB'",
        "select count(*) from (select * from generate_series(1, 400000) g order by md5(g::text)) x",
      )),
  },
  "pg-seqscan": {
    doc: "a large table is read whole",
    begin: async (lab) =>
      void (await sql(
        lab,
        "lab",
        "set enable_indexscan = off",
        "set enable_bitmapscan = off",
        "select count(*) from pgbench_accounts where aid % 7 = 3",
      )),
  },
  "redis-oom": {
    doc: "Redis is at its memory limit and refuses writes",
    begin: (lab) =>
      withRedis(lab, async (redis) => {
        await redis.config("SET", "maxmemory-policy", "noeviction");
        await redis.config("SET", "maxmemory", "6mb");
        await redis.call("DEBUG", "POPULATE", "60000", "fill", "100");
      }),
    end: (lab) =>
      withRedis(lab, async (redis) => {
        await redis.config("SET", "maxmemory", "32mb");
        await redis.config("SET", "maxmemory-policy", "allkeys-lru");
        await redis.flushall("ASYNC");
      }),
  },
  "redis-slow": {
    doc: "three commands of 0.3 s",
    begin: (lab) =>
      withRedis(lab, async (redis) => {
        for (let i = 0; i < 3; i++) await redis.call("DEBUG", "SLEEP", "0.3");
      }),
  },
  "redis-conns": aggressor("redis-conns", "110 idle clients", ({ port }) => [
    "redis",
    String(port.redis),
    "110",
    HOLD_SECONDS,
  ]),
  "redis-blocked": aggressor("redis-blocked", "five clients wait in BLPOP", ({ port }) => [
    "redis-blocked",
    String(port.redis),
    "5",
    HOLD_SECONDS,
  ]),
  disk: { doc: "a small file system is 97 % full", begin: fillDisk, end: emptyDisk },
};

export const INCIDENTS: Readonly<Record<string, Incident>> = {
  ...SERVICE_INCIDENTS,
  ...QUEUE_INCIDENTS,
  ...STORE_INCIDENTS,
  "s3-full": marker("the object storage is 91 % full"),
  "pod-crash": marker("a pod restarts again and again"),
  ...Object.fromEntries(
    ["429", "500", "403", "hang"].map((name) => [`telegram-${name}`, mode("sink", name, `Telegram answers ${name}`)]),
  ),
  ...Object.fromEntries(
    EXPORTER_MODES.split(" ").map((name) => [`exporter-${name}`, mode("faulty", name, `the faulty exporter: ${name}`)]),
  ),
};

export async function breakIt(lab: Lab, name: string): Promise<void> {
  const incident = INCIDENTS[name];
  if (incident === undefined) throw new LabError(`no incident "${name}"; npm run lab -- break lists them`);
  if (pidOf(lab, "faulty") === undefined) throw new LabError("the lab is down: npm run lab -- up");
  await incident.begin(lab);
  unmark(lab, name, incident);
  if (incident.end !== undefined) writeFileSync(lab.at("break", name), "");
}

export async function fixIt(lab: Lab, name: string): Promise<void> {
  const incident = INCIDENTS[name];
  if (incident === undefined) throw new LabError(`no incident "${name}"; npm run lab -- break lists them`);
  await incident.end?.(lab);
  unmark(lab, name, incident);
}

/** Takes away the mark of an incident, and of those that its switch excludes. */
function unmark(lab: Lab, name: string, incident: Incident): void {
  const others = Object.entries(INCIDENTS).filter(
    ([, { switch: port }]) => port !== undefined && port === incident.switch,
  );
  for (const each of [name, ...others.map(([other]) => other)]) rmSync(lab.at("break", each), { force: true });
}
