import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../src/base/problem.ts";
import { defaultAlertmanagerConfig, loadAlertmanagerConfig } from "../../../src/config/alertmanager.ts";
import { Secret } from "../../../src/model/job.ts";

const problemsOf = (text: string): string[] => loadAlertmanagerConfig(text, "am.yml").problems.map(formatProblem);
const tiny = (more: string): string => `route: {receiver: a}\nreceivers: [{name: a}]\n${more}`;

/** The kind of file that the internet is full of: older matchers, pagerduty, slack, mail. */
const COMMON = `
global:
  resolve_timeout: 5m
  smtp_smarthost: 'localhost:25'
  smtp_from: 'alertmanager@example.org'
  slack_api_url: 'https://hooks.example.org/services/T/B/secret'
route:
  receiver: 'team-mail'
  group_by: ['alertname', 'cluster', 'service']
  group_wait: 10s
  group_interval: 5m
  repeat_interval: 3h
  routes:
  - match:
      severity: 'critical'
    receiver: 'pager'
    continue: true
  - match_re:
      service: ^(foo1|foo2|baz)$
    receiver: 'chat'
receivers:
- name: 'team-mail'
  email_configs:
  - to: 'team@example.org'
- name: 'pager'
  pagerduty_configs:
  - service_key: 'x'
- name: 'chat'
  slack_configs:
  - channel: '#alerts'
    send_resolved: true
  webhook_configs:
  - url: 'http://127.0.0.1:5001/'
inhibit_rules:
- source_match: {severity: 'critical'}
  target_match: {severity: 'warning'}
  equal: ['alertname', 'cluster', 'service']
templates: []
`;

describe("alertmanager.yml", () => {
  it("of the common kind loads; what is not carried out is a warning with its place", () => {
    const { config, problems } = loadAlertmanagerConfig(COMMON, "am.yml");
    expect(problems.map((problem) => [problem.severity, problem.line, problem.message])).toEqual([
      ["warning", 23, 'receiver "team-mail": opsmon does not deliver to email yet'],
      ["warning", 26, 'receiver "pager": opsmon does not deliver to pagerduty yet'],
      ["warning", 29, 'receiver "chat": opsmon does not deliver to slack yet'],
    ]);
    expect(config?.route).toMatchObject({ id: "{}", groupWaitMs: 10_000, repeatIntervalMs: 3 * 3_600_000 });
    expect(config?.route.routes.map((route) => [route.id, route.receiver, route.continue, route.groupWaitMs])).toEqual([
      ['{}/{severity="critical"}', "pager", true, 10_000],
      ['{}/{service=~"^(foo1|foo2|baz)$"}', "chat", false, 10_000],
    ]);
    expect(config?.receivers.map(({ integrations }) => integrations.map((one) => one.kind))).toEqual([
      ["unsupported"],
      ["unsupported"],
      ["webhook", "unsupported"],
    ]);
  });

  it("has Alertmanager's defaults", () => {
    const { config } = loadAlertmanagerConfig(tiny(""), "am.yml");
    expect(config?.route).toMatchObject({
      groupWaitMs: 30_000,
      groupIntervalMs: 300_000,
      repeatIntervalMs: 14_400_000,
      groupBy: [],
    });
  });

  it("reads telegram with its topic, its file and its layout", () => {
    const text = `
route: {receiver: a}
receivers:
- name: a
  telegram_configs:
  - {bot_token_file: token, chat_id: -100123, message_thread_id: 4, disable_notifications: true}
  - {bot_token: "1:x", chat_id: "@channel", parse_mode: "", message: '{{ template "telegram.default.message" . }}'}
`;
    const ports = { readFile: (path: string) => (path === "/etc/am/token" ? "42:secret\n" : ""), env: {} };
    const { config, problems } = loadAlertmanagerConfig(text, "/etc/am/am.yml", ports);
    expect(problems).toEqual([]);
    const [first, second] = config?.receivers[0]?.integrations ?? [];
    expect(first).toMatchObject({ kind: "telegram", chatId: -100_123, threadId: 4, silent: true, parseMode: "HTML" });
    expect(first?.kind === "telegram" ? first.token.reveal() : "").toBe("42:secret");
    expect(second).toMatchObject({ chatId: "@channel", parseMode: "plain", message: undefined });
    expect(JSON.stringify(config)).not.toContain('secret"');
  });

  it.each([
    [
      "",
      [
        'am.yml:1:1: an Alertmanager configuration needs "route"',
        'am.yml:1:1: an Alertmanager configuration needs "receivers"',
      ],
      "nothing",
    ],
    [
      tiny("rout: 1"),
      ['am.yml:3:1: "rout" is not a key of an Alertmanager configuration\n  hint: did you mean "route"?'],
      "a misspelt key",
    ],
    [
      "route: {receiver: ops}\nreceivers: [{name: opz}]",
      ['am.yml:1:9: there is no receiver "ops"\n  hint: did you mean "opz"?'],
      "an undefined receiver",
    ],
    [
      "route: {receiver: a, routes: [{receiver: b}, {receiver: c}]}\nreceivers: [{name: a}]",
      [
        'am.yml:1:32: there is no receiver "b"\n  hint: defined: a',
        'am.yml:1:47: there is no receiver "c"\n  hint: defined: a',
      ],
      "all mistakes at once",
    ],
    [
      "route: {receiver: a, matchers: [x=1]}\nreceivers: [{name: a}]",
      ['am.yml:1:22: the first route takes every alert, so it has no "matchers"\n  hint: move it to a child'],
      "a root that matches",
    ],
    [
      "route: {receiver: a, routes: [{matchers: [severity]}]}\nreceivers: [{name: a}]",
      [
        'am.yml:1:43: "severity" is not a matcher: no operator after "severity"\n  hint: write name, operator (=, !=, =~, !~) and value, e.g. severity="critical"',
      ],
      "no operator",
    ],
    [
      "route: {receiver: a, group_by: ['...', x]}\nreceivers: [{name: a}]",
      ['am.yml:1:22: "..." stands for all labels: it must stand alone'],
      "... with company",
    ],
    [
      "route: {receiver: a, group_wait: 5 minutes}\nreceivers: [{name: a}]",
      [
        'am.yml:1:34: "5 minutes" is not a duration\n  hint: write numbers with units, largest first: "90s", "5m", "1h30m"',
      ],
      "a duration",
    ],
    [
      "route: {receiver: a, routes: [{mute_time_intervals: [nights]}]}\nreceivers: [{name: a}]\ntime_intervals: [{name: night}]",
      ['am.yml:1:32: there is no time interval "nights"\n  hint: did you mean "night"?'],
      "an undefined interval",
    ],
    [
      tiny("time_intervals: [{name: x, time_intervals: [{weekdays: [moonday]}]}]"),
      ['am.yml:3:57: "moonday" is not a weekday or a range of them\n  hint: e.g. "monday:friday"'],
      "a weekday",
    ],
    [
      tiny("time_intervals: [{name: x, time_intervals: [{location: Mars/Base}]}]"),
      ['am.yml:3:56: "Mars/Base" is not a time zone\n  hint: write an IANA name, e.g. "Europe/Berlin"'],
      "a zone",
    ],
    [
      tiny('time_intervals: [{name: x, time_intervals: [{times: [{start_time: "22:00", end_time: "06:00"}]}]}]'),
      ["am.yml:3:54: the time range ends before it starts\n  hint: split it at midnight: two ranges"],
      "over midnight",
    ],
    [
      "route: {receiver: a}\nreceivers: [{name: a, telegram_configs: [{chat_id: ops}]}]",
      [
        'am.yml:2:42: a telegram receiver needs "bot_token" or "bot_token_file"\n  hint: BotFather gives the token',
        'am.yml:2:52: "ops" is not a chat\n  hint: a number, negative for groups, or @channel',
      ],
      "a chat name",
    ],
    [
      "route: {receiver: a}\nreceivers: [{name: a}, {name: a}]",
      ['am.yml:2:25: receiver "a" is defined twice'],
      "twins",
    ],
    [
      "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x'}]}]",
      ["am.yml:2:42: the webhook's url is not an http or https URL\n  hint: write it whole"],
      "a webhook's scheme",
    ],
  ])("%# refuses with place and hint", (text, expected, why) => {
    expect(problemsOf(text), why).toEqual(expected);
    expect(loadAlertmanagerConfig(text, "am.yml").config, why).toBeUndefined();
  });

  it("gives routes with equal matchers groups of their own", () => {
    const text =
      "route: {receiver: a, routes: [{match: {x: y}, continue: true}, {match: {x: y}}]}\nreceivers: [{name: a}]";
    const ids = loadAlertmanagerConfig(text, "am.yml").config?.route.routes.map((route) => route.id);
    expect(ids).toEqual(['{}/{x="y"}', '{}/{x="y"}/1']);
  });
});

describe("routing without an alertmanager.yml", () => {
  it("goes to every chat of opsmon.telegram", () => {
    const telegram = {
      botToken: new Secret("1:t"),
      chatIds: ["-1001", "@ops"],
      messageThreadId: undefined,
      apiUrl: "https://api.telegram.org",
      proxyUrl: "http://proxy:3128",
      allowedUsers: [7],
      parseMode: "HTML" as const,
      sendResolved: true,
      pictures: true,
    };
    const config = defaultAlertmanagerConfig({ telegram });
    expect(config.receivers[0]?.integrations).toMatchObject([
      { kind: "telegram", chatId: -1001, allowUsers: [7], http: { proxyUrl: "http://proxy:3128" } },
      { kind: "telegram", chatId: "@ops" },
    ]);
  });

  it("without a chat shows alerts on the screen only", () => {
    expect(defaultAlertmanagerConfig({}).receivers).toEqual([{ name: "screen", integrations: [] }]);
  });
});
