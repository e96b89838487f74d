/** What the notifier keeps quiet, told with the alerts: acknowledged, silenced, inhibited, and back. */
import { describe, expect, test } from "vitest";
import { alertFromWire, alertToWire } from "../../../src/api/codec.ts";
import { withSuppression } from "../../../src/app/suppression.ts";
import { type Alert, suppressionText } from "../../../src/model/alert.ts";
import { fingerprint } from "../../../src/model/fingerprint.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { AlertView, Silence, SilenceState } from "../../../src/notify/notifier.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);

const alert = (alertname: string): Alert => ({
  labels: Labels.from({ alertname }),
  annotations: Labels.EMPTY,
  state: "firing",
  value: 1,
  activeAt: NOW,
  firedAt: NOW,
  resolvedAt: undefined,
  lastEvalAt: NOW,
  rule: { group: "g", file: "f", name: alertname, expr: "x" },
  generatorUrl: "",
});

const view = (one: Alert, more: Partial<AlertView> = {}): AlertView => ({
  fingerprint: fingerprint(one.labels),
  labels: one.labels.toJSON(),
  annotations: {},
  startsAt: NOW,
  endsAt: undefined,
  updatedAt: NOW,
  generatorUrl: "",
  state: "suppressed",
  silencedBy: [],
  inhibitedBy: [],
  mutedBy: [],
  receivers: [],
  ...more,
});

const silence = (id: string, more: Partial<Silence> = {}): Silence & { readonly state: SilenceState } => ({
  id,
  matchers: [],
  startsAt: NOW,
  endsAt: NOW + 60_000,
  updatedAt: NOW,
  createdBy: "kim",
  comment: "deploy",
  ack: undefined,
  state: "active",
  ...more,
});

describe("withSuppression", () => {
  const disk = alert("DiskFull");
  const node = alert("NodeDown");
  const ack = silence("s2", { ack: { fingerprints: [fingerprint(disk.labels)], until: NOW + 3_600_000 } });

  test.each([
    {
      why: "a silence says until when and what for",
      views: [view(disk, { silencedBy: ["s1"] })],
      suppressed: { by: "silence", who: "kim", until: NOW + 60_000, comment: "deploy" },
      text: "silenced by kim",
    },
    {
      why: "an acknowledgement lasts as long as it is prolonged",
      views: [view(disk, { silencedBy: ["s2"] })],
      suppressed: { by: "ack", who: "kim", until: NOW + 3_600_000, comment: "deploy" },
      text: "acked by kim",
    },
    {
      why: "an inhibition names the alert that inhibits",
      views: [view(disk, { inhibitedBy: [fingerprint(node.labels)] }), view(node)],
      suppressed: { by: "inhibition", who: "NodeDown", until: undefined, comment: "" },
      text: "inhibited by NodeDown",
    },
    {
      why: "a person's word comes first",
      views: [view(disk, { silencedBy: ["s2"], inhibitedBy: [fingerprint(node.labels)] }), view(node)],
      suppressed: { by: "ack", who: "kim", until: NOW + 3_600_000, comment: "deploy" },
      text: "acked by kim",
    },
  ])("$why", ({ views, suppressed, text }) => {
    const notifier = { alerts: () => views, silences: () => [silence("s1"), ack] };
    const [found, other] = withSuppression([disk, node], notifier);
    expect(found?.suppressed).toEqual(suppressed);
    expect(found?.suppressed === undefined ? "" : suppressionText(found.suppressed)).toBe(text);
    expect(other?.suppressed).toBeUndefined();
    // and over the wire unchanged
    const wire = JSON.parse(JSON.stringify(alertToWire(found as Alert))) as Parameters<typeof alertFromWire>[0];
    expect(alertFromWire(wire).suppressed).toEqual(suppressed);
  });

  test("a pending alert is silenced by what will cover it when it fires", () => {
    const pending = { ...disk, state: "pending" } as const;
    const by = (value: string, more: Partial<ReturnType<typeof silence>> = {}): Alert | undefined => {
      const one = { ...silence("s1", { matchers: [{ name: "alertname", op: "=~", value }] }), ...more };
      return withSuppression([pending], { alerts: () => [], silences: () => [one] })[0];
    };
    expect(by("Disk.*")?.suppressed).toMatchObject({ by: "silence", who: "kim" });
    expect(by("Node.*")?.suppressed).toBeUndefined();
    expect(by("Disk.*", { state: "expired" })?.suppressed).toBeUndefined();
  });

  test("what nobody keeps quiet is left as it is", () => {
    const notifier = { alerts: () => [view(disk, { state: "active" })], silences: () => [silence("s1")] };
    expect(withSuppression([disk], notifier)).toEqual([disk]);
    expect("suppressed" in alertToWire(disk)).toBe(false);
  });
});
