/** One frame as text and as JSON; goldens at the four sizes; terminals that can do less; labels that want to do more. */
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { PanelSpec, ViewId } from "../../../src/panel/spec.ts";
import { onceJson, renderOnce } from "../../../src/ui/once.tsx";
import type { OnceOptions } from "../../../src/ui/options.ts";
import { shopPanels } from "../../support/fixed-shop.ts";
import { fixedSource, NOON } from "../../support/fixed-source.ts";

function options(more: Partial<OnceOptions> = {}): OnceOptions {
  return {
    source: fixedSource(),
    clock: manualClock(NOON),
    panels: shopPanels,
    env: { TERM: "xterm-256color", LANG: "C.UTF-8" },
    utc: true,
    ...more,
  };
}

describe("a frame as text", () => {
  test.each(["pending", "nodata"] as const)(
    'a phone\'s header does not say "no alerts" beside %s ones',
    async (state) => {
      const known = await fixedSource().alerts("now");
      const source = fixedSource({ alerts: known.slice(0, 2).map((one) => ({ ...one, state })) });
      const [header = ""] = (await renderOnce(options({ source, width: 46, height: 19 }))).split("\n");
      expect(header).toContain(state === "pending" ? "2 pending" : "2 unknown");
      expect(header).not.toContain("no alerts");
    },
  );

  test.each<{ view: ViewId; width: number; height: number }>([
    { view: "overview", width: 46, height: 19 },
    { view: "overview", width: 80, height: 24 },
    { view: "overview", width: 120, height: 40 },
    { view: "overview", width: 200, height: 60 },
    { view: "hosts", width: 120, height: 40 },
    { view: "redis", width: 46, height: 19 },
    { view: "services", width: 80, height: 24 },
    { view: "alerts", width: 120, height: 40 },
    { view: "targets", width: 80, height: 24 },
    { view: "web", width: 80, height: 24 },
  ])("$view at $width x $height", async ({ view, width, height }) => {
    const text = await renderOnce(options({ view, width, height }));
    const rows = text.split("\n");
    expect(rows).toHaveLength(height);
    expect(Math.max(...rows.map((row) => stringWidth(row)))).toBeLessThanOrEqual(width);
    await expect(`${text}\n`).toMatchFileSnapshot(`../../golden/ui/${view}-${width}x${height}.txt`);
  });

  const busiest: PanelSpec = {
    ...(shopPanels[0] as PanelSpec),
    id: "hosts.processes.cpu",
    title: "Processes by CPU",
    method: "none",
    kind: "table",
    queries: [{ exprs: ["process_cpu"], legend: "{{name}}" }],
  };
  test.each([
    { width: 120, height: 40, shown: true, why: "rows are left under the health table" },
    { width: 200, height: 60, shown: true, why: "rows are left there too" },
    { width: 100, height: 30, shown: false, why: "health needs them all" },
    { width: 80, height: 24, shown: false, why: "the chart stands there" },
  ])("the overview shows the busiest processes at $width x $height: $shown, $why", async (size) => {
    const processes = ["postgres", "node", "redis"].map((name, i) => ({
      labels: Labels.from({ name }),
      at: () => 9 - i,
    }));
    const source = fixedSource({ extra: new Map([["process_cpu", processes]]) });
    const { width, height, shown } = size;
    const text = await renderOnce(options({ source, panels: [...shopPanels, busiest], width, height }));
    expect(/Processes by CPU[\s\S]*postgres +9 %/.test(text)).toBe(shown);
    // whatever stands under it, the health table lost none of its rows
    if (shown) expect(text).toMatch(/cpu[\s\S]*memory[\s\S]*network/);
    const none = await renderOnce(options({ panels: [...shopPanels, busiest], width, height }));
    expect(none).toBe(await renderOnce(options({ width, height })));
  });

  test("a paused frame shows its moment everywhere", async () => {
    const text = await renderOnce(options({ at: NOON - 20 * 60_000, spanMs: 3_600_000 }));
    expect(text).toContain("PAUSED 11:40:00Z -20m");
    expect(text).toContain("nothing was pending or firing");
    expect(text).toMatch(/ok {3}redis .* up/);
  });

  test("every view draws at every size without a throw", async () => {
    for (const view of ["overview", "postgres", "alerts", "targets", "explore", "business", "storage"] as const) {
      for (const [width, height] of [
        [20, 5],
        [40, 12],
        [46, 19],
        [76, 20],
        [99, 60],
        [300, 80],
      ] as const) {
        const rows = (await renderOnce(options({ view, width, height }))).split("\n");
        expect([view, width, rows.length]).toEqual([view, width, height]);
      }
    }
  });
});

describe("a terminal that can do less", () => {
  // oxlint-disable-next-line no-control-regex
  const beyondAscii = /[^\u0000-\u007f]/;
  test.each([
    { env: { TERM: "xterm-256color", LANG: "C" }, why: "no UTF-8 locale" },
    { env: { TERM: "linux", LANG: "C.UTF-8" }, why: "the kernel's console font" },
    { env: { TERM: "dumb", LANG: "C.UTF-8" }, why: "a dumb terminal" },
    { env: { TERM: "xterm", LANG: "C.UTF-8", LC_ALL: "POSIX" }, why: "LC_ALL wins" },
  ])("gets ASCII only: $why", async ({ env }) => {
    expect(await renderOnce(options({ env, view: "hosts" }))).not.toMatch(beyondAscii);
    expect(await renderOnce(options({ env }))).not.toMatch(beyondAscii);
  });

  test("NO_COLOR takes colours, not bold and inverse, and states stay words", async () => {
    const text = await renderOnce(
      options({ env: { TERM: "xterm-256color", LANG: "C.UTF-8", NO_COLOR: "1" }, color: true }),
    );
    // oxlint-disable-next-line no-control-regex
    const codes = new Set([...text.matchAll(/\u001b\[([\d;]*)m/g)].flatMap((match) => (match[1] ?? "").split(";")));
    expect([...codes].filter((code) => Number(code) >= 30)).toEqual([]);
    expect(codes.has("7")).toBe(true);
    expect(text).toContain("CRIT");
  });

  test("sixteen colours are enough", async () => {
    const text = await renderOnce(options({ env: { TERM: "xterm", LANG: "C.UTF-8" }, theme: "dark", color: true }));
    expect(text).not.toContain("38;5;");
  });
});

describe("labels are hostile", () => {
  const nasty = "\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u001b[?1049l\u009b31m\r\n\u202Eevil";
  test("nothing of a label drives the terminal, in any view", async () => {
    const formula = { labels: Labels.from({ instance: nasty, service: nasty, mountpoint: nasty }), at: () => 99 };
    const names = [
      "node_cpu_busy",
      "node_filesystem_used_percent",
      "http_requests",
      "http_errors_ratio",
      "pg_connections",
    ];
    const alert: Alert = {
      labels: Labels.from({ alertname: nasty, severity: nasty, instance: nasty }),
      annotations: Labels.from({ summary: nasty, description: nasty }),
      state: "firing",
      value: 1,
      activeAt: NOON - 60_000,
      firedAt: NOON - 60_000,
      resolvedAt: undefined,
      lastEvalAt: NOON,
      rule: { group: "g", file: "f", name: nasty, expr: `up{x="${nasty}"}` },
      generatorUrl: "",
    };
    const extra = new Map(names.map((name) => [name, [formula]] as const));
    for (const view of ["overview", "hosts", "services", "alerts", "postgres"] as const) {
      for (const width of [46, 120]) {
        const source = fixedSource({ extra, alerts: [alert] });
        const text = await renderOnce(options({ source, view, width, height: 40, color: true }));
        // oxlint-disable-next-line no-control-regex
        const rest = text.replace(/\u001b\[[\d;]*m/g, "").replaceAll("\n", "");
        // oxlint-disable-next-line no-control-regex
        expect(rest).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
        expect(text.split("\n")).toHaveLength(40);
      }
    }
  });
});

describe("a frame as JSON", () => {
  test("has the promised shape", async () => {
    const frame = await onceJson(options({ view: "redis" }));
    expect(frame).toMatchObject({ at: "2026-11-20T12:00:00.000Z", mode: "live", view: "redis", spanSeconds: 900 });
    expect(frame.panels.map(({ id }) => id)).toContain("redis.up");
    expect(frame.panels.find(({ id }) => id === "redis.memory")).toMatchObject({
      view: "redis",
      unit: "bytes",
      state: "unknown",
      reason: "stale since 11:50:45",
    });
    expect(frame.alerts[0]).toEqual({
      name: "RedisDown",
      labels: { instance: "127.0.0.1:9121", job: "redis", severity: "critical" },
      annotations: { summary: "Redis at 127.0.0.1:9121 does not answer" },
      state: "firing",
      value: 0,
      since: "2026-11-20T11:52:00.000Z",
    });
    expect(frame.targets.find(({ job }) => job === "redis")?.lastError).toContain("connection refused");
    expect(JSON.parse(JSON.stringify(frame))).toEqual(frame);
  });

  test("the overview judges every resource and service", async () => {
    const { health } = await onceJson(options());
    expect(health).toContainEqual({
      resource: "checkout",
      kind: "service",
      method: "RED.E",
      state: "crit",
      why: "Errors 7.3 %, over 5 %",
    });
    expect(health.find((line) => line.resource === "cpu" && line.method === "USE.U")?.state).toBe("ok");
  });

  test("with all, every view's panels", async () => {
    const { panels } = await onceJson(options({ all: true }));
    expect(panels.map(({ id }) => id)).toEqual(shopPanels.map(({ id }) => id));
    expect(panels.find(({ id }) => id === "web.nginx")?.reason).toBe("never scraped: nginx_connections_active");
  });

  test("an engine that fails is the caller's error, not an empty frame", async () => {
    const source = fixedSource();
    source.failWith("no such socket");
    await expect(onceJson(options({ source }))).rejects.toThrow("no such socket");
    await expect(renderOnce(options({ source }))).rejects.toThrow("no such socket");
  });
});
