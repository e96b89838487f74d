/** Configuration files: what a prometheus.yml means, all mistakes at once with places, and secrets that never show. */
import { expect, test } from "vitest";
import { formatProblem } from "../../../src/base/problem.ts";
import { emptyConfig, loadConfig } from "../../../src/config/load.ts";
import type { Config, LoadedConfig } from "../../../src/config/load.ts";
import { configText } from "../../../src/config/print.ts";

const FILES: Readonly<Record<string, string>> = { "/etc/opsmon/token": "s3cret-from-file\n" };
const load = (text: string, env: Readonly<Record<string, string>> = {}): LoadedConfig =>
  loadConfig(text, "/etc/opsmon/opsmon.yml", {
    readFile: (path) => {
      const found = FILES[path];
      if (found === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
      return found;
    },
    env,
  });
const good = (text: string, env?: Readonly<Record<string, string>>): Config => {
  const { config, problems } = load(text, env);
  expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
  return config as Config;
};
const lines = (text: string): readonly string[] =>
  load(text).problems.map((problem) => formatProblem(problem).replace("/etc/opsmon/opsmon.yml", "f"));

test("defaults are Prometheus'", () => {
  const config = good("scrape_configs: [{job_name: a, static_configs: [{targets: ['h:1']}]}]");
  expect(config.global).toMatchObject({
    scrapeIntervalMs: 60_000,
    scrapeTimeoutMs: 10_000,
    evaluationIntervalMs: 60_000,
  });
  expect(config.scrapeJobs).toMatchObject([
    {
      name: "a",
      intervalMs: 60_000,
      timeoutMs: 10_000,
      metricsPath: "/metrics",
      scheme: "http",
      honorLabels: false,
      honorTimestamps: true,
      enableCompression: true,
      http: { followRedirects: true },
      discovery: [{ kind: "static", groups: [{ targets: ["h:1"], labels: {} }] }],
      sampleLimit: 0,
    },
  ]);
  expect(emptyConfig().scrapeJobs).toEqual([]);
  expect(emptyConfig().own.hostCollector.enabled).toBe(true);
});

test("a job that says everything", () => {
  const [job] = good(`
global: {scrape_interval: 15s, scrape_timeout: 12s, sample_limit: 7, body_size_limit: 1MB}
scrape_configs:
- job_name: all
  scrape_interval: 10s
  metrics_path: /m
  scheme: https
  honor_labels: on
  honor_timestamps: no
  params: {module: [a, b]}
  basic_auth: {username: u, password_file: token}
  tls_config: {ca_file: ca.pem, insecure_skip_verify: true, server_name: x}
  relabel_configs:
  - {source_labels: [a, b], regex: "(.+);x", target_label: t, replacement: "$1", action: Replace}
  metric_relabel_configs: [{regex: tmp_.*, action: labeldrop}]
  file_sd_configs: [{files: [sd/*.json, /abs/x.yml], refresh_interval: 1m}]
  http_sd_configs: [{url: "http://sd:1/t", authorization: {credentials: z}}]
  dns_sd_configs: [{names: [x.y], type: A, port: 9}]
  label_limit: 30
`).scrapeJobs;
  expect(job).toMatchObject({
    intervalMs: 10_000,
    // Not stated, so the global one is cut to the job's interval.
    timeoutMs: 10_000,
    honorLabels: true,
    honorTimestamps: false,
    params: { module: ["a", "b"] },
    sampleLimit: 7,
    labelLimit: 30,
    bodySizeLimitBytes: 1_048_576,
    relabel: [{ action: "replace", sourceLabels: ["a", "b"], regex: "(.+);x", separator: ";" }],
    metricRelabel: [{ action: "labeldrop", regex: "tmp_.*" }],
  });
  expect(job?.http.tls).toEqual({ caFile: "/etc/opsmon/ca.pem", serverName: "x", insecureSkipVerify: true });
  expect(job?.http.basicAuth?.password.reveal()).toBe("s3cret-from-file");
  expect(job?.discovery.map((each) => each.kind)).toEqual(["file", "http", "dns"]);
  expect(job?.discovery[0]).toEqual({
    kind: "file",
    files: ["/etc/opsmon/sd/*.json", "/abs/x.yml"],
    refreshMs: 60_000,
  });
});

test.each([
  ["storage: {tsdb: {retention: {time: 30d, size: 50GB}}}", 30, 50 * 2 ** 30],
  ["storage: {tsdb: {retention.time: 30d, retention.size: 50GB}}", 30, 50 * 2 ** 30],
  ["storage: {tsdb: {retention: 7d}}", 7, undefined],
])("retention as %s", (text, days, bytes) => {
  const { storage } = good(text);
  expect([storage.retentionMs, storage.retentionBytes]).toEqual([days * 86_400_000, bytes]);
});

test("alertmanagers, remote write and read", () => {
  const config = good(`
alerting:
  alert_relabel_configs: [{regex: replica, action: labeldrop}]
  alertmanagers: [{scheme: https, path_prefix: /am, static_configs: [{targets: [am:9093]}]}]
remote_write:
- {url: "http://vm:8428/api/v1/write", queue_config: {capacity: 5, max_samples_per_send: 3}, write_relabel_configs: [{source_labels: [a], regex: b, action: keep}]}
- {url: "http://vm:8428/api/v1/write"}
remote_read: [{url: "http://vm:8428/read", read_recent: true, required_matchers: {a: b}}]
`);
  expect(config.alertmanagers).toMatchObject([
    { scheme: "https", pathPrefix: "/am", timeoutMs: 10_000, alertRelabel: [{ action: "labeldrop" }] },
  ]);
  expect(config.remoteWrite).toMatchObject([
    { name: "vm:8428", queue: { capacity: 5, maxSamplesPerSend: 3, batchSendDeadlineMs: 5_000 } },
    { name: "vm:8428-2" },
  ]);
  expect(config.remoteRead).toMatchObject([{ readRecent: true, requiredMatchers: { a: "b" }, timeoutMs: 60_000 }]);
});

test("own settings", () => {
  const { own } = good(
    `
opsmon:
  alertmanager_config_file: am.yml
  rule_packs: [redis, {name: host, vars: {cpu_warning: 70}, enabled: no}]
  telegram: {bot_token: "\${TOKEN}", chat_id: [-1001, "@opsteam"], allowed_users: [5, 6], message_thread_id: 3}
  tiers: [{resolution: 5m, retention: 90d}, {resolution: 1h, retention: 400d}]
  host_collector: {interval: 2s}
  discover: {add: true}
  alerts: {on_no_data: resolve}
  panels: {redis.memory: {title: x}}
`,
    { TOKEN: "1:abc" },
  );
  expect(own).toMatchObject({
    alertmanagerConfigFile: "/etc/opsmon/am.yml",
    rulePacks: [
      { name: "redis", vars: {}, enabled: true },
      { name: "host", vars: { cpu_warning: "70" }, enabled: false },
    ],
    telegram: {
      chatIds: ["-1001", "@opsteam"],
      allowedUsers: [5, 6],
      messageThreadId: 3,
      apiUrl: "https://api.telegram.org",
    },
    hostCollector: { enabled: true, intervalMs: 2_000 },
    discover: { enabled: true, add: true },
    alerts: { onNoData: "resolve" },
    panels: [{ id: "redis.memory" }],
  });
  expect(own.telegram?.botToken.reveal()).toBe("1:abc");
});

test("all mistakes at once, in file order, each at its own character, with what to do", () => {
  const text = `global:
  scrape_intervall: 15s
  scrape_timeout: 5x
scrape_configs:
- job_name: a
  static_configs:
  - targets: ["http://x:1/metrics"]
  relabel_configs:
  - {regex: "(", action: repalce}
- job_name: a
  scheme: ftp
  scrape_interval: 1s
  scrape_timeout: 2s
  metrics_path: metrics
  basic_auth: {user: x}
- static_configs: 5
rule_file: [x]
opsmon:
  telegram: {bot_token: "\${NOPE}", chat_id: abc}
`;
  expect(load(text).config).toBeUndefined();
  expect(lines(text)).toEqual([
    'f:2:3: "scrape_intervall" is not a key of global\n  hint: did you mean "scrape_interval"?',
    'f:3:19: "5x" is not a duration\n  hint: write numbers with units, largest first: "90s", "5m", "1h30m"',
    'f:7:15: "http://x:1/metrics" is not a host:port address\n  hint: the scheme goes to scheme:, the path to metrics_path:',
    expect.stringMatching(/^f:9:13: "\(" is not a regular expression/),
    'f:9:26: "repalce" is not a known value\n  hint: did you mean "replace"?',
    'f:10:3: job "a" is given twice\n  hint: the first one is on line 5; rename one',
    'f:11:11: "ftp" is not a known value\n  hint: did you mean "http"?',
    'f:13:3: job "a": the timeout is longer than the interval\n  hint: scrape_interval is 1000 ms',
    'f:14:17: "metrics" is not a path\n  hint: begin it with "/"',
    'f:15:15: basic_auth needs "username"',
    'f:15:15: basic_auth needs "password" or "password_file"',
    'f:15:16: "user" is not a key of basic_auth\n  hint: known keys: username, username_file, password, password_file',
    'f:16:3: a scrape config needs "job_name"',
    'f:16:19: "5" where a list is expected\n  hint: start with -',
    'f:17:1: "rule_file" is not a key of a configuration\n  hint: did you mean "rule_files"?',
    'f:19:25: environment variable "NOPE" is not set\n  hint: set it, or write ${NOPE:-default}',
    'f:19:45: "abc" is not a chat\n  hint: a number (negative for groups) or @channel; the bot shows it on /start',
  ]);
});

test.each([
  [
    "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pod}]}]",
    'f:1:32: warning: "kubernetes_sd_configs" is not supported',
  ],
  ["scrape_configs: [{job_name: a, oauth2: {client_id: x}}]", 'f:1:32: warning: "oauth2" is not supported'],
  ["tracing: {endpoint: x}", 'f:1:1: warning: "tracing" is not supported'],
])("known to Prometheus but not here: a warning, and the job is skipped: %s", (text, want) => {
  const { config } = load(text);
  expect(config?.scrapeJobs).toEqual([]);
  expect(lines(text)[0]?.split("\n")[0]).toBe(want);
});

test.each([
  [
    "two ways to authenticate",
    "scrape_configs: [{job_name: a, bearer_token: x, basic_auth: {username: u, password: p}}]",
    "exclude each other",
  ],
  [
    "a password twice",
    "scrape_configs: [{job_name: a, basic_auth: {username: u, password: p, password_file: token}}]",
    "exclude each other",
  ],
  [
    "basic as authorization",
    "scrape_configs: [{job_name: a, authorization: {type: basic, credentials: x}}]",
    "use basic_auth",
  ],
  ["a key without its certificate", "scrape_configs: [{job_name: a, tls_config: {key_file: k}}]", "together"],
  ["a zero interval", "global: {scrape_interval: 0s}", "longer than zero"],
  [
    "hashmod without modulus",
    "scrape_configs: [{job_name: a, relabel_configs: [{action: hashmod, target_label: t}]}]",
    'needs "modulus"',
  ],
  [
    "labeldrop with a target",
    "scrape_configs: [{job_name: a, relabel_configs: [{action: labeldrop, regex: x, target_label: t}]}]",
    "takes only",
  ],
  ["a URL of another scheme", "remote_write: [{url: 'ftp://x'}]", "has scheme"],
  [
    "a file pattern without suffix",
    "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.txt]}]}]",
    "is not a file pattern",
  ],
  ["a bad size", "storage: {tsdb: {retention: {size: 5 lightyears}}}", "is not a size"],
  [
    "tiers out of order",
    "opsmon: {tiers: [{resolution: 1h, retention: 1d}, {resolution: 5m, retention: 1d}]}",
    "from fine to coarse",
  ],
  ["telegram without a chat", "opsmon: {telegram: {bot_token: x}}", 'needs "chat_id"'],
  ["a list as the whole file", "[1, 2]", "must be a map"],
  ["text as the whole file", "hello", "must be a map"],
])("refused: %s", (_why, text, want) => {
  const { config, problems } = load(text);
  expect(config).toBeUndefined();
  expect(problems.map(formatProblem).join("\n")).toContain(want);
});

test("a missing secret file is a warning now and an error when it is used", () => {
  const { config, problems } = load("scrape_configs: [{job_name: a, bearer_token_file: nope}]");
  expect(problems.map((problem) => problem.severity)).toEqual(["warning"]);
  expect(() => config?.scrapeJobs[0]?.http.authorization?.credentials.reveal()).toThrow("ENOENT");
});

test("systemd credentials are files under a directory the environment names", () => {
  const text = "scrape_configs: [{job_name: a, bearer_token_file: '${CREDENTIALS_DIRECTORY}/token'}]";
  const config = good(text, { CREDENTIALS_DIRECTORY: "/etc/opsmon" });
  expect(config.scrapeJobs[0]?.http.authorization?.credentials.reveal()).toBe("s3cret-from-file");
});

test("no secret is ever shown, and what is shown loads again", () => {
  const text = `
scrape_configs:
- {job_name: a, basic_auth: {username: u, password: hunter2}, http_headers: {X-Key: {secrets: [topsecret]}}}
- {job_name: b, http_sd_configs: [{url: "http://me:pass1@sd/x"}], authorization: {credentials: bear-er}}
remote_write: [{url: "http://u:pass2@vm/w"}]
opsmon: {telegram: {bot_token: "99:tok", chat_id: 5}}
`;
  const config = good(text);
  const shown = configText(config) + JSON.stringify({ ...config, source: undefined });
  for (const secret of ["hunter2", "topsecret", "bear-er", "pass2", "99:tok"])
    expect(configText(config)).not.toContain(secret);
  for (const secret of ["hunter2", "bear-er", "pass2", "99:tok"]) expect(shown).not.toContain(secret);
  expect(configText(config)).toContain("http://<secret>@sd/x");
  expect(load(configText(config)).problems).toEqual([]);
});
