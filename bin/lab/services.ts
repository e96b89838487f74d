/**
 * Every service of the lab as data: what starts it, when it counts as ready, how it likes to be ended. Stages start
 * one after the other, the services within a stage at the same time.
 */
import { chownSync, existsSync, mkdirSync, readdirSync, appendFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { Client, type QueryResult } from "pg";
import { brokerHeaders, seedReviewQueue } from "./broker.ts";
import { writePostgres } from "./configs.ts";
import { oracleBinary } from "./install.ts";
import { answers, type Launch, listens } from "./process.ts";
import { type Lab, LabError, type PortName, root, userIds } from "./settings.ts";

export interface Service {
  readonly name: string;
  readonly ports: readonly PortName[];
  launch(lab: Lab): Launch;
  ready(lab: Lab): Promise<boolean>;
  /** Before each start. */
  prepare?(lab: Lab): void;
  /** Once it answers. */
  fill?(lab: Lab): Promise<void>;
  readonly signal?: NodeJS.Signals;
  readonly endMs?: number;
  readonly readyMs?: number;
}

const url = (port: number, place = "/metrics"): string => `http://127.0.0.1:${port}${place}`;
const at = (port: number): string => `127.0.0.1:${port}`;

/** Runs one of the lab's own programs with the Node that runs this. */
export function script(name: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}): Launch {
  const file = path.join(root, "bin/lab", `${name}.ts`);
  return { argv: [process.execPath, "--no-warnings", "--max-old-space-size=128", file, ...argv], env };
}

/** Where Debian keeps a version's programs; the newest when there are several. */
export function postgresBin(): string {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(a) - Number(b)) : [];
  const newest = versions.at(-1);
  if (newest === undefined) throw new LabError("PostgreSQL is not installed: run npm run lab -- install");
  return `${base}/${newest}/bin`;
}

export async function sql(lab: Lab, database: string, ...statements: readonly string[]): Promise<QueryResult> {
  const connection = new Client({ host: "127.0.0.1", port: lab.port.postgres, user: "postgres", database });
  await connection.connect();
  try {
    let last = await connection.query("select 1");
    for (const statement of statements) last = await connection.query(statement);
    return last;
  } finally {
    await connection.end();
  }
}

function makeCluster(lab: Lab): void {
  const { uid, gid } = userIds("postgres");
  const dir = lab.at("postgres");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chownSync(dir, uid, gid);
  const data = path.join(dir, "data");
  if (!existsSync(path.join(data, "PG_VERSION"))) {
    const argv = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
    const made = spawnSync(`${postgresBin()}/initdb`, argv, { uid, gid, cwd: "/", encoding: "utf8" });
    if (made.status !== 0) throw new LabError(`initdb failed: ${made.stderr.trim() || String(made.error)}`);
    appendFileSync(path.join(data, "postgresql.conf"), `include '${lab.at("postgres/lab.conf")}'\n`);
  }
  writePostgres(lab);
}

async function fillPostgres(lab: Lab): Promise<void> {
  const { rows } = await sql(lab, "postgres", "select 1 from pg_database where datname = 'lab'");
  if (rows.length > 0) return;
  const roles = ["create role exporter login in role pg_monitor", "create role app login"];
  await sql(lab, "postgres", ...roles, "create database lab");
  await sql(
    lab,
    "lab",
    "create extension pg_stat_statements",
    "create table orders(id bigserial primary key, status text not null, note text default repeat('x', 80), created_at timestamptz default now())",
    "create index on orders(status)",
    "grant all on orders, orders_id_seq to app",
    "insert into orders(status) select (array['new', 'in_progress', 'done'])[1 + i % 3] from generate_series(1, 300) i",
  );
  const bench = ["-q", "-i", "-s", "2", "-h", "127.0.0.1", "-p", String(lab.port.postgres), "-U", "postgres", "lab"];
  spawnSync(`${postgresBin()}/pgbench`, bench, { stdio: "ignore" });
}

/** Everything under the lab's folder: HOME decides where the cookie is, and no file of /etc/rabbitmq is read. */
function rabbitEnvironment(lab: Lab): Record<string, string> {
  const inside = (name: string): string => lab.at("rabbitmq", name);
  return {
    HOME: inside("home"),
    RABBITMQ_NODENAME: `opsmon-lab-${lab.base}@localhost`,
    RABBITMQ_CONF_ENV_FILE: inside("env.conf"),
    RABBITMQ_CONFIG_FILE: inside("rabbitmq"),
    RABBITMQ_ADVANCED_CONFIG_FILE: inside("advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: inside("enabled_plugins"),
    RABBITMQ_FEATURE_FLAGS_FILE: inside("feature_flags"),
    RABBITMQ_GENERATED_CONFIG_DIR: inside("gen"),
    RABBITMQ_MNESIA_BASE: inside("mnesia"),
    RABBITMQ_LOG_BASE: inside("log"),
    RABBITMQ_PID_FILE: inside("beam.pid"),
    RABBITMQ_DIST_PORT: String(lab.port.distribution),
    ERL_EPMD_PORT: String(lab.port.epmd),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    // without +sbwt none idle schedulers spin: some 10 % of a core
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
  };
}

function demo(name: string, port: PortName): Service {
  return {
    name,
    ports: [port],
    launch: (lab) =>
      script("demo", [name], {
        DEMO_PORT: String(lab.port[port]),
        DEMO_POSTGRES: `postgresql://app@${at(lab.port.postgres)}/lab`,
        DEMO_AMQP: `amqp://lab:lab@${at(lab.port.amqp)}`,
        DEMO_REDIS_PORT: name === "emr-service" ? "0" : String(lab.port.redis),
      }),
    ready: (lab) => answers(url(lab.port[port])),
  };
}

/** A program that serves /metrics on one port. */
function exporter(name: string, port: PortName, launch: (lab: Lab) => Launch, place?: string): Service {
  return { name, ports: [port], launch, ready: (lab) => answers(url(lab.port[port], place)) };
}

const epmd: Service = {
  name: "epmd",
  ports: ["epmd"],
  // started here: the broker's own would be a daemon that outlives it
  launch: (lab) => ({
    argv: ["/usr/bin/epmd", "-address", "127.0.0.1", "-port", String(lab.port.epmd)],
    env: { ERL_EPMD_ADDRESS: "127.0.0.1" },
  }),
  ready: (lab) => listens(lab.port.epmd),
};

const postgres: Service = {
  name: "postgres",
  ports: ["postgres"],
  prepare: makeCluster,
  launch: (lab) => ({ argv: [`${postgresBin()}/postgres`, "-D", lab.at("postgres/data")], ...userIds("postgres") }),
  ready: async (lab) => (await sql(lab, "postgres")).rowCount === 1,
  fill: fillPostgres,
  signal: "SIGINT",
  endMs: 20_000,
  readyMs: 60_000,
};

const redis: Service = {
  name: "redis",
  ports: ["redis"],
  launch: (lab) => {
    const settings = { port: String(lab.port.redis), bind: "127.0.0.1", dir: lab.at("redis"), maxmemory: "32mb" };
    const rest = [
      "--maxmemory-policy",
      "allkeys-lru",
      "--save",
      "",
      "--appendonly",
      "no",
      "--enable-debug-command",
      "local",
    ];
    return {
      argv: ["redis-server", ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...rest],
    };
  },
  ready: (lab) => listens(lab.port.redis),
};

const rabbitmq: Service = {
  name: "rabbitmq",
  ports: ["amqp", "management", "distribution", "rabbitmqMetrics"],
  launch: (lab) => ({ argv: ["/usr/lib/rabbitmq/bin/rabbitmq-server"], env: rabbitEnvironment(lab) }),
  ready: async (lab) =>
    (await answers(url(lab.port.rabbitmqMetrics))) &&
    (await answers(url(lab.port.management, "/api/queues/%2F/calc.dead"), brokerHeaders)),
  // messages in memory are gone with a restart
  fill: seedReviewQueue,
  endMs: 30_000,
  readyMs: 90_000,
};

const nginx: Service = {
  name: "nginx",
  ports: ["nginx", "stubStatus"],
  launch: (lab) => ({
    argv: ["/usr/sbin/nginx", "-p", lab.at("nginx"), "-c", lab.at("conf/nginx.conf"), "-e", "stderr"],
  }),
  ready: (lab) => answers(url(lab.port.stubStatus, "/stub_status")),
  signal: "SIGQUIT",
};

const exporters: readonly Service[] = [
  exporter("node-exporter", "node", ({ port, at: inside }) => ({
    argv: [
      "prometheus-node-exporter",
      `--web.listen-address=${at(port.node)}`,
      `--collector.textfile.directory=${inside("textfile")}`,
      "--collector.processes",
      "--no-collector.systemd",
    ],
  })),
  exporter("postgres-exporter", "postgresExporter", ({ port, at: inside }) => ({
    argv: [
      "prometheus-postgres-exporter",
      `--web.listen-address=${at(port.postgresExporter)}`,
      `--extend.query-path=${inside("conf/queries.yaml")}`,
    ],
    env: { DATA_SOURCE_NAME: `postgresql://exporter@${at(port.postgres)}/lab?sslmode=disable&connect_timeout=3` },
  })),
  exporter("redis-exporter", "redisExporter", ({ port }) => ({
    argv: [
      "prometheus-redis-exporter",
      "-redis.addr",
      `redis://${at(port.redis)}`,
      "-web.listen-address",
      at(port.redisExporter),
      "-include-system-metrics",
    ],
  })),
  exporter("nginx-exporter", "nginxExporter", ({ port }) => ({
    argv: [
      "prometheus-nginx-exporter",
      `-nginx.scrape-uri=${url(port.stubStatus, "/stub_status")}`,
      `-web.listen-address=${at(port.nginxExporter)}`,
      "-nginx.retries=20",
      "-nginx.retry-interval=1s",
    ],
  })),
  exporter("blackbox-exporter", "blackbox", ({ port, at: inside }) => ({
    argv: [
      "prometheus-blackbox-exporter",
      `--config.file=${inside("conf/blackbox.yml")}`,
      `--web.listen-address=${at(port.blackbox)}`,
    ],
  })),
  {
    ...exporter("pushgateway", "pushgateway", ({ port }) => ({
      argv: ["prometheus-pushgateway", `--web.listen-address=${at(port.pushgateway)}`],
    })),
    async fill(lab) {
      const body = `# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds ${Math.floor(Date.now() / 1000)}
# TYPE cpu_usage gauge
cpu_usage{host="batch1",core="0"} 41.5
cpu_usage{host="batch1",core="1"} 12.25
`;
      await fetch(url(lab.port.pushgateway, "/metrics/job/nightly_backup/instance/lab"), { method: "PUT", body });
    },
  },
];

const peers: readonly Service[] = [
  exporter("victoria-metrics", "victoria", ({ port, at: inside }) => ({
    argv: [
      "victoria-metrics",
      `-httpListenAddr=${at(port.victoria)}`,
      `-storageDataPath=${inside("victoria")}`,
      "-retentionPeriod=1d",
      "-memory.allowedBytes=256MB",
      "-search.latencyOffset=0s",
    ],
  })),
  exporter(
    "alertmanager",
    "alertmanager",
    ({ port, at: inside }) => ({
      argv: [
        "prometheus-alertmanager",
        `--config.file=${inside("conf/alertmanager-peer.yml")}`,
        `--storage.path=${inside("alertmanager")}`,
        `--web.listen-address=${at(port.alertmanager)}`,
        "--cluster.listen-address=",
      ],
    }),
    "/-/ready",
  ),
];

const prometheus: Service = exporter(
  "prometheus",
  "prometheus",
  (lab) => ({
    argv: [
      oracleBinary(lab, "prometheus"),
      `--config.file=${lab.at("conf/prometheus-peer.yml")}`,
      `--storage.tsdb.path=${lab.at("prometheus")}`,
      `--web.listen-address=${at(lab.port.prometheus)}`,
      "--storage.tsdb.retention.time=1d",
      "--web.enable-lifecycle",
    ],
  }),
  "/-/ready",
);

const helpers: readonly Service[] = [
  {
    name: "faulty",
    ports: ["faulty"],
    launch: (lab) => script("faulty", [], { FAULTY_PORT: String(lab.port.faulty), FAULTY_FLAGS: lab.at("break") }),
    ready: (lab) => listens(lab.port.faulty),
  },
  {
    name: "sink",
    ports: ["sink"],
    launch: (lab) => script("sink", [], { SINK_PORT: String(lab.port.sink), SINK_LOG: lab.at("log/sink.jsonl") }),
    ready: (lab) => listens(lab.port.sink),
  },
];

export const STAGES: readonly (readonly Service[])[] = [
  [epmd, postgres, redis, ...helpers],
  [rabbitmq, nginx, ...exporters, ...peers],
  [
    demo("mes-api", "mes"),
    demo("shop-api", "shop"),
    demo("crm-api", "crm"),
    demo("calculation-service", "calc"),
    demo("emr-service", "emr"),
  ],
  [prometheus],
];

export const SERVICES: readonly Service[] = STAGES.flat();

export function service(name: string): Service {
  const found = SERVICES.find((each) => each.name === name);
  if (found === undefined)
    throw new LabError(`no service "${name}"; there are ${SERVICES.map((each) => each.name).join(" ")}`);
  return found;
}
