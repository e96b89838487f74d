/**
 * The files the services read, generated from the lab's ports: `prometheus.yml` (also what `opsmon top --config`
 * takes), `opsmon.yml` (the same targets and rules, with opsmon delivering the alerts itself) and the services' own.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { postgresQueries } from "./queries.ts";
import { labRules } from "./rules.ts";
import { BOT_TOKEN, CHAT_ID, type Lab, userIds } from "./settings.ts";

function yaml(lab: Lab, file: string, content: object): void {
  writeFileSync(lab.at(file), stringify(content, { lineWidth: 0 }));
}

const loopback = (port: number): string => `127.0.0.1:${port}`;

interface JobOptions {
  readonly metrics_path?: string;
  readonly params?: Readonly<Record<string, readonly string[]>>;
  readonly [key: string]: unknown;
}

function job(job_name: string, ports: readonly number[], options: JobOptions = {}): object {
  return { job_name, ...options, static_configs: [{ targets: ports.map(loopback) }] };
}

function blackboxJob({ port }: Lab): object {
  const pages = [port.nginx, port.mes, port.shop, port.crm].map((each) => `http://${loopback(each)}/health`);
  return {
    job_name: "blackbox",
    metrics_path: "/probe",
    static_configs: [
      { targets: pages, labels: { module: "http_2xx" } },
      { targets: [port.redis, port.postgres, port.amqp].map(loopback), labels: { module: "tcp_connect" } },
      { targets: ["127.0.0.1"], labels: { module: "icmp" } },
    ],
    relabel_configs: [
      { source_labels: ["__address__"], target_label: "__param_target" },
      { source_labels: ["module"], target_label: "__param_module" },
      { source_labels: ["__param_target"], target_label: "instance" },
      { target_label: "__address__", replacement: loopback(port.blackbox) },
    ],
  };
}

function scrapeJobs(lab: Lab): readonly object[] {
  const { port } = lab;
  const families = ["queue_coarse_metrics", "queue_metrics", "queue_consumer_count"];
  return [
    job("prometheus", [port.prometheus]),
    job("alertmanager", [port.alertmanager]),
    job("victoria-metrics", [port.victoria]),
    job("node", [port.node]),
    job("postgres", [port.postgresExporter]),
    job("redis", [port.redisExporter]),
    job("rabbitmq", [port.rabbitmqMetrics]),
    job("rabbitmq-detailed", [port.rabbitmqMetrics], {
      metrics_path: "/metrics/detailed",
      params: { family: families },
    }),
    job("nginx", [port.nginxExporter]),
    job("pushgateway", [port.pushgateway], { honor_labels: true }),
    job("apps", [port.mes, port.shop, port.crm, port.calc, port.emr]),
    job("blackbox-exporter", [port.blackbox]),
    blackboxJob(lab),
    job("faulty", [port.faulty], { body_size_limit: "20MB", sample_limit: 60_000 }),
    ...["minio-v2", "minio-v3", "cadvisor", "kube-state-metrics"].map((name) =>
      job(name, [port.faulty], { metrics_path: `/synthetic/${name}` }),
    ),
  ];
}

function writePrometheus(lab: Lab): void {
  const shared = {
    global: {
      scrape_interval: lab.scrapeInterval,
      scrape_timeout: "4s",
      evaluation_interval: "5s",
      external_labels: { lab: "opsmon" },
    },
    rule_files: [lab.at("rules.yml")],
    scrape_configs: scrapeJobs(lab),
  };
  yaml(lab, "rules.yml", labRules());
  yaml(lab, "prometheus.yml", shared);
  yaml(lab, "conf/prometheus-peer.yml", {
    ...shared,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [loopback(lab.port.alertmanager)] }] }] },
    remote_write: [{ url: `http://${loopback(lab.port.victoria)}/api/v1/write` }],
  });
  yaml(lab, "opsmon.yml", { ...shared, opsmon: { alertmanager_config_file: lab.at("alertmanager.yml") } });
  const route = {
    receiver: "telegram",
    group_by: ["alertname"],
    group_wait: "2s",
    group_interval: "5s",
    repeat_interval: "1h",
  };
  const telegram = {
    api_url: `http://${loopback(lab.port.sink)}`,
    bot_token: BOT_TOKEN,
    chat_id: CHAT_ID,
    parse_mode: "HTML",
    send_resolved: true,
  };
  const receivers = [{ name: "telegram", telegram_configs: [telegram] }];
  yaml(lab, "alertmanager.yml", { route, receivers });
  // the peer has its own chat, so a test can tell whose message it was
  const peer = [{ name: "telegram", telegram_configs: [{ ...telegram, chat_id: CHAT_ID - 1 }] }];
  yaml(lab, "conf/alertmanager-peer.yml", { route, receivers: peer });
}

/** RabbitMQ's own form: base64 of a salt and the SHA-256 of salt and password. */
function rabbitPassword(password: string): string {
  const salt = randomBytes(4);
  const hash = createHash("sha256").update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString("base64");
}

function rabbitDefinitions(): object {
  const queue = (name: string, options: object): object => ({
    name,
    vhost: "/",
    durable: true,
    auto_delete: false,
    arguments: options,
  });
  const exchange = (name: string, type: string): object => ({
    name,
    vhost: "/",
    type,
    durable: true,
    auto_delete: false,
    internal: false,
    arguments: {},
  });
  const bind = (source: string, destination: string, routing_key: string): object => ({
    source,
    vhost: "/",
    destination,
    destination_type: "queue",
    routing_key,
    arguments: {},
  });
  const hashing_algorithm = "rabbit_password_hashing_sha256";
  return {
    users: [{ name: "lab", password_hash: rabbitPassword("lab"), hashing_algorithm, tags: ["administrator"] }],
    vhosts: [{ name: "/" }],
    permissions: [{ user: "lab", vhost: "/", configure: ".*", write: ".*", read: ".*" }],
    exchanges: [exchange("calc", "direct"), exchange("dlx", "fanout")],
    queues: [
      queue("calc.requests", { "x-dead-letter-exchange": "dlx", "x-message-ttl": 1_800_000 }),
      queue("calc.dead", { "x-max-length": 200_000 }),
      queue("manual.review", {}),
    ],
    bindings: [
      bind("calc", "calc.requests", "request"),
      bind("dlx", "calc.dead", ""),
      bind("calc", "manual.review", "review"),
    ],
  };
}

function writeRabbit(lab: Lab): void {
  const { port } = lab;
  const put = (name: string, text: string): void => writeFileSync(lab.at("rabbitmq", name), text);
  put("enabled_plugins", "[rabbitmq_management,rabbitmq_prometheus].\n");
  put("env.conf", "");
  put("advanced.config", "[].\n");
  const cookie = lab.at("rabbitmq/home/.erlang.cookie");
  if (!existsSync(cookie)) writeFileSync(cookie, randomBytes(24).toString("hex"));
  chmodSync(cookie, 0o400);
  put("definitions.json", JSON.stringify(rabbitDefinitions()));
  put(
    "rabbitmq.conf",
    `listeners.tcp.1 = ${loopback(port.amqp)}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${port.management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = ${port.rabbitmqMetrics}
load_definitions = ${lab.at("rabbitmq/definitions.json")}
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 200MB
log.console = true
log.file = false
`,
  );
}

function writeNginx(lab: Lab): void {
  const { port } = lab;
  const temp = ["body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const upstreams = { mes: port.mes, shop: port.shop, crm: port.crm, calc: port.calc, emr: port.emr };
  const locations = Object.entries(upstreams).map(
    ([name, to]) => `    location /${name}/ { proxy_pass http://${loopback(to)}/; }`,
  );
  writeFileSync(
    lab.at("conf/nginx.conf"),
    `daemon off; worker_processes 1; user root; pid ${lab.at("nginx/nginx.pid")}; error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
${temp.map((name) => `  ${name === "body" ? "client_body" : name}_temp_path ${lab.at("nginx", name)};`).join("\n")}
  server { listen ${loopback(port.stubStatus)}; location = /stub_status { stub_status; } location / { return 404; } }
  server { listen ${loopback(port.nginx)};
${locations.join("\n")}
    location = /health { return 200 "ok\\n"; }
  }
}
`,
  );
}

const POSTGRES_SETTINGS = `
max_connections = 60
shared_buffers = 64MB
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
track_io_timing = on
synchronous_commit = off
checkpoint_timeout = 60s
autovacuum_naptime = 15s
stats_fetch_consistency = none
log_min_duration_statement = 2000
`;

/** Settings of the cluster; called once it exists, before each start. */
export function writePostgres(lab: Lab): void {
  const { uid, gid } = userIds("postgres");
  const file = lab.at("postgres/lab.conf");
  const place = `listen_addresses = '127.0.0.1'\nport = ${lab.port.postgres}\nunix_socket_directories = ''\n`;
  writeFileSync(file, place + POSTGRES_SETTINGS);
  chownSync(file, uid, gid);
}

export function writeConfigs(lab: Lab): void {
  writePrometheus(lab);
  writeRabbit(lab);
  writeNginx(lab);
  yaml(lab, "conf/queries.yaml", postgresQueries());
  yaml(lab, "conf/blackbox.yml", {
    modules: {
      http_2xx: { prober: "http", timeout: "4s", http: { preferred_ip_protocol: "ip4" } },
      tcp_connect: { prober: "tcp", timeout: "4s" },
      icmp: { prober: "icmp", timeout: "4s", icmp: { preferred_ip_protocol: "ip4" } },
    },
  });
}
