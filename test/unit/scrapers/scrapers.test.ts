import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RULE_PACKS } from "../../../rules/index.ts";
import { allPanels, healthPanels, scraperNamed, SCRAPERS } from "../../../scrapers/index.ts";
import { errorText } from "../../../src/base/errors.ts";
import { substitute } from "../../../src/panel/query.ts";
import type { ViewId } from "../../../src/panel/spec.ts";
import { parseExpr } from "../../../src/promql/parse.ts";

const PANELS = allPanels();
const VIEWS: readonly ViewId[] = [
  "overview",
  "hosts",
  "postgres",
  "redis",
  "rabbitmq",
  "services",
  "web",
  "storage",
  "business",
];

describe("registry", () => {
  it("has panels, names and ids, each once", () => {
    expect(PANELS.length).toBeGreaterThan(100);
    expect(new Set(PANELS.map((p) => p.id)).size).toBe(PANELS.length);
    expect(new Set(SCRAPERS.map((s) => s.name)).size).toBe(SCRAPERS.length);
    expect(scraperNamed("redis")?.ports[0]).toBe(9121);
  });
  it.each(VIEWS)("the view %s has panels, one of the highest priority", (view) => {
    const panels = PANELS.filter((p) => p.view === view);
    expect(panels.some((p) => p.priority === 1)).toBe(true);
  });
  it("names rule packs that exist, and every pack that is on belongs to a scraper", () => {
    const used = new Set(SCRAPERS.flatMap((s) => s.rulePacks));
    const names = RULE_PACKS.map((p) => p.name);
    for (const name of used) expect(names).toContain(name);
    expect(RULE_PACKS.filter((p) => p.on && !used.has(p.name)).map((p) => p.name)).toEqual([]);
  });
  it.each(["cpu", "memory", "disk space", "disk io", "network", "postgres", "redis", "rabbitmq", "s3", "nginx"])(
    "USE of %s has utilisation, saturation and errors, or as many as anybody measures",
    (resource) => {
      const methods = new Set(
        healthPanels()
          .filter((p) => p.resource === resource)
          .map((p) => p.method),
      );
      expect(methods.has("USE.U")).toBe(true);
      expect(methods.size).toBeGreaterThanOrEqual(2);
    },
  );
  it("RED of services has rate, errors and duration", () => {
    const methods = healthPanels().map((p) => p.method);
    expect(methods).toEqual(expect.arrayContaining(["RED.R", "RED.E", "RED.D"]));
  });
});

function parseError(expr: string): readonly string[] {
  try {
    parseExpr(expr);
    return [];
  } catch (error) {
    return [`${expr}: ${errorText(error)}`];
  }
}

describe.each(PANELS.map((panel) => [panel.id, panel] as const))("%s", (_, panel) => {
  const exprs = panel.queries.flatMap((query) => query.exprs);
  it("has expressions that parse with and without a filter, in every rate window", () => {
    expect(exprs.length).toBeGreaterThan(0);
    const filters = ["", 'instance="a:1",job!~"x|y"'];
    const sent = exprs.flatMap((expr) => filters.map((filter) => substitute(expr, { rateMs: 90_000, filter })));
    expect(sent.flatMap(parseError)).toEqual([]);
  });
  it("lets the screen filter every one of its metrics", () => {
    for (const expr of exprs) expect(expr).toContain("$filter");
    const unfiltered = exprs.flatMap((expr) => expr.match(/\{(?![^{}]*\$filter)[^{}]+\}/g) ?? []);
    expect(unfiltered).toEqual([]);
  });
  it("has an axis and thresholds that make sense", () => {
    expect(panel.min ?? Number.NEGATIVE_INFINITY).toBeLessThan(panel.max ?? Number.POSITIVE_INFINITY);
    const states = (panel.thresholds ?? []).map((t) => t.state);
    expect(new Set(states).size).toBe(states.length);
    expect(panel.title.length).toBeGreaterThan(0);
    expect(panel.title.length).toBeLessThanOrEqual(44);
  });
});

describe("coverage.tsv", () => {
  const file = new URL("../../golden/coverage.tsv", import.meta.url);
  const rows = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .slice(1)
    .map((line) => line.split("\t"));
  const alerts = new Set(RULE_PACKS.flatMap((p) => [...p.text.matchAll(/- alert: (\w+)/g)].map((m) => m[1])));
  const panels = new Set(PANELS.map((p) => p.id));

  it("has a line for each of the 198 rows", () => {
    expect(existsSync(file)).toBe(true);
    const counts = rows.reduce<Record<string, number>>((all, [row]) => {
      const document = (row ?? "").split(".")[0] ?? "";
      return { ...all, [document]: (all[document] ?? 0) + 1 };
    }, {});
    expect(counts).toEqual({ D0: 67, D1: 17, D2: 53, D3: 10, D4: 51 });
    expect(new Set(rows.map(([row]) => row)).size).toBe(198);
  });
  it.each(rows)("%s %s %s", (_, kind, ids = "", note = "") => {
    const known = kind === "alert" ? alerts : kind === "panel" ? panels : new Set(["-"]);
    expect(["panel", "alert", "-"]).toContain(kind);
    expect(ids.split(",").filter((id) => !known.has(id))).toEqual([]);
    expect(kind !== "-" || note.length > 0).toBe(true);
  });
  it("leaves only what is not a number of anybody", () => {
    expect(rows.filter(([, kind]) => kind === "-").length).toBeLessThanOrEqual(4);
  });
});
