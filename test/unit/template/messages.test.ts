/** Alertmanager's functions and data, times, numbers, limits and escaping. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Alert } from "../../../src/model/alert.ts";
import { Labels } from "../../../src/model/labels.ts";
import { messageData, messageFunctions } from "../../../src/template/alertmanager.ts";
import { exponential, fixed, general } from "../../../src/template/float.ts";
import { compileTemplate, templateLibrary } from "../../../src/template/template.ts";
import { GoDuration, GoTime } from "../../../src/template/time.ts";

const AT = Date.UTC(2026, 2, 29, 1, 30, 5, 120);
const alert = (labels: Readonly<Record<string, string>>, resolved = false): Alert => ({
  labels: Labels.from(labels),
  annotations: Labels.from({ summary: `<b>${labels["instance"]}</b> & co` }),
  state: resolved ? "inactive" : "firing",
  value: 1.5,
  activeAt: AT - 600_000,
  firedAt: AT - 300_000,
  resolvedAt: resolved ? AT - 60_000 : undefined,
  lastEvalAt: AT,
  rule: { group: "g", file: "f", name: "Down", expr: "up == 0" },
  generatorUrl: "http://x/graph?g0.expr=up",
});
const data = messageData({
  receiver: "ops",
  groupLabels: Labels.from({ alertname: "Down" }),
  externalUrl: "http://x",
  alerts: [
    { alert: alert({ alertname: "Down", instance: "a", job: "n" }), fingerprint: "01" },
    { alert: alert({ alertname: "Down", instance: "b", job: "n" }, true), fingerprint: "02" },
  ],
});
const functions = messageFunctions(() => AT);
const render = (text: string, escape?: "html"): string =>
  compileTemplate(text, { name: "m", functions, escape }).render(data);

test.each([
  ["{{ .Status }} {{ .Receiver }} {{ .ExternalURL }}", "firing ops http://x"],
  ["{{ len .Alerts.Firing }}/{{ len .Alerts.Resolved }}/{{ len .Alerts }}", "1/1/2"],
  ["{{ range .Alerts }}{{ .Labels.instance }}={{ .Status }} {{ end }}", "a=firing b=resolved "],
  ["{{ .CommonLabels.SortedPairs.Names }} {{ .CommonLabels.Values }}", "[alertname job] [Down n]"],
  ["{{ range .CommonLabels.SortedPairs }}{{ .Name }}:{{ .Value }};{{ end }}", "alertname:Down;job:n;"],
  ['{{ (.CommonLabels.Remove (stringSlice "job")).Names }}', "[alertname]"],
  ['{{ .GroupLabels.Values | join " " | toUpper }}', "DOWN"],
  ["{{ .CommonLabels.missing }}|", "|"],
  [
    '{{ (index .Alerts 0).StartsAt | date "2006-01-02 15:04:05.000 Mon Jan _2 MST" }}',
    "2026-03-29 01:25:05.120 Sun Mar 29 UTC",
  ],
  ['{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 -0700" }}', "03:25 +0200"],
  ['{{ (index .Alerts 1).StartsAt | tz "America/New_York" | date "Jan 2 3:04PM MST" }}', "Mar 28 9:25PM EDT"],
  [
    "{{ since (index .Alerts 0).StartsAt }} {{ humanizeDuration (since (index .Alerts 0).StartsAt).Seconds }}",
    "5m0s 5m 0s",
  ],
  ['{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 1).EndsAt.Format "15:04" }}', "true 01:29"],
  [
    '{{ reReplaceAll "(.)o(?P<x>.)" "${x}_$1" "Down" }} {{ title "hello WORLD" }} {{ match "^D" "Down" }}',
    "w_Dn Hello World true",
  ],
  ["{{ (index .Alerts 0).Value }} {{ (index .Alerts 0).Fingerprint }}", "1.5 01"],
  ["{{ toJson .GroupLabels }}", '{"alertname":"Down"}'],
  ['{{ trimSpace "  x " }}{{ urlUnescape "a%20b+c" }}', "xa b c"],
])("%s", (text, want) => {
  expect(render(text)).toBe(want);
});

test("in HTML everything printed is escaped but what was declared safe", () => {
  expect(render("<i>{{ (index .Alerts 0).Annotations.summary }}</i>", "html")).toBe(
    "<i>&lt;b&gt;a&lt;/b&gt; &amp; co</i>",
  );
  expect(render('{{ "<b>" | safeHtml }}{{ "<b>" | html }}{{ "a\'\\"" }}', "html")).toBe("<b>&lt;b&gt;a&#39;&#34;");
});

test("named templates come from a library, a text may replace them", () => {
  const templates = templateLibrary([
    {
      name: "a.tmpl",
      text: '{{ define "title" }}[{{ .Status }}]{{ end }}{{ define "all" }}{{ template "title" . }}!{{ end }}',
    },
  ]);
  const use = (text: string): string => compileTemplate(text, { name: "m", functions, templates }).render(data);
  expect(use('{{ template "all" . }}')).toBe("[firing]!");
  expect(use('{{ define "title" }}own{{ end }}{{ template "all" . }}')).toBe("own!");
  expect(() => use('{{ template "nope" . }}')).toThrow('template "nope" not defined');
});

test.each([
  ["output", '{{ range 100000 }}{{ printf "%1000s" "x" }}{{ end }}', "output longer than"],
  ["recursion", '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}', "exceeded maximum template depth"],
  ["steps", "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", "steps"],
  ["an unknown zone", '{{ (index .Alerts 0).StartsAt | tz "Mars/Base" }}', "unknown time zone Mars/Base"],
])("bounded: %s", (_why, text, want) => {
  expect(() => render(text)).toThrow(want);
});

test.each([
  [2.5, 0, "2"],
  [3.5, 0, "4"],
  [0.125, 2, "0.12"],
  [1e21, 0, "1000000000000000000000"],
  [-0.0004, 2, "-0.00"],
])("%f with %i digits is %s: ties to even, signs kept", (value, digits, want) => {
  expect(fixed(value, digits)).toBe(want);
});

test("printed floats agree with JS wherever the two languages agree", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }), (value) => {
      expect(Number(general(value, undefined))).toBe(value);
      expect(Number(exponential(value, undefined))).toBe(value);
      expect(Math.abs(Number(fixed(value, 3)) - value)).toBeLessThanOrEqual(0.0005 + Math.abs(value) * 1e-15);
    }),
  );
});

test.each([
  [0n, "0s"],
  [1_500_000n, "1.5ms"],
  [90_500_000_000n, "1m30.5s"],
  [3_600_000_000_000n, "1h0m0s"],
  [-5_000n, "-5µs"],
])("a duration of %i ns is %s", (ns, want) => {
  expect(new GoDuration(ns).toString()).toBe(want);
});

test("a time prints as Go prints it", () => {
  expect(new GoTime(1_435_065_584_128).toString()).toBe("2015-06-23 13:19:44.128 +0000 UTC");
});

test("no text makes the compiler do anything but compile or refuse", () => {
  const piece = fc.constantFrom(
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "if",
    "end",
    "range",
    "with",
    "else",
    ".",
    "$x",
    ":=",
    "|",
    "(",
    ")",
    '"a"',
    "`",
    "1",
    "printf",
    "/*",
    "*/",
    "define",
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        compileTemplate(pieces.join(""), { name: "f", functions });
      } catch (error) {
        expect(error).toMatchObject({ code: "bad-template", message: expect.stringMatching(/^template: f:\d+: /) });
      }
    }),
    { numRuns: 2_000 },
  );
});
