/** What keys mean: state and screen in, state and effects out, as tables. */
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { fingerprint } from "../../../src/model/fingerprint.ts";
import { actionFor, BINDINGS, bindingsFor, VIEWS } from "../../../src/ui/keymap.ts";
import { completionsFor } from "../../../src/ui/complete.ts";
import { parsePalette, viewNamed } from "../../../src/ui/palette.ts";
import { press } from "../../../src/ui/reducer.ts";
import { type Effect, initialState, type KeyContext, passesFilter, type UiState } from "../../../src/ui/state.ts";
import { pauseAt } from "../../../src/ui/time.ts";
import { shopPanels } from "../../support/fixed-shop.ts";
import { NOON } from "../../support/fixed-source.ts";

const alert: Alert = {
  labels: Labels.from({ alertname: "RedisDown", severity: "critical", job: "redis" }),
  annotations: Labels.EMPTY,
  state: "firing",
  value: 0,
  activeAt: NOON - 120_000,
  firedAt: NOON - 60_000,
  resolvedAt: undefined,
  lastEvalAt: NOON,
  rule: { group: "g", file: "f", name: "RedisDown", expr: "redis_up == 0" },
  generatorUrl: "",
};

const context: KeyContext = {
  now: NOON,
  utc: true,
  bucketMs: 15_000,
  rows: 5,
  panel: shopPanels.find((spec) => spec.id === "redis.memory"),
  exprs: ["redis_memory"],
  alerts: [alert],
  panels: shopPanels,
  target: undefined,
  discovered: [],
  changes: [NOON - 60_000],
  completions: [],
  capabilities: { kind: "engine", place: "s", targets: true, rules: true, journal: true, control: true },
  author: "kim",
  page: 4,
};

/** Presses keys one by one; names like `<Enter>` are keys, the rest is typed. */
function type(
  state: UiState,
  keys: string,
  given: Partial<KeyContext> = {},
): { state: UiState; effects: readonly Effect[] } {
  let current = state;
  const effects: Effect[] = [];
  for (const [, name, text] of keys.matchAll(/<([\w-]+)>|([\s\S])/g)) {
    const key =
      name === undefined ? ({ kind: "text", text: text as string } as const) : ({ kind: "key", name } as const);
    const step = press(current, key, { ...context, ...given });
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects };
}

const start = initialState("redis");

describe("keys", () => {
  test.each([
    { keys: "jj", expected: { cursor: 2 }, why: "down" },
    { keys: "G", expected: { cursor: 4 }, why: "the last row" },
    { keys: "Gjk", expected: { cursor: 3 }, why: "never past the end" },
    { keys: "<PgDn><PgDn>", expected: { cursor: 4 }, why: "a page stops at the end" },
    { keys: "jg", expected: { cursor: 0 }, why: "the first row" },
    { keys: "4", expected: { view: "rabbitmq", crumbs: ["redis"], cursor: 0 }, why: "a view, remembering the last" },
    { keys: "4<Esc>", expected: { view: "redis", crumbs: [] }, why: "and back" },
    { keys: "z<Esc>", expected: { zoom: false, view: "redis" }, why: "Esc closes the zoom first" },
    { keys: "/mem<Enter><Esc>", expected: { filter: "" }, why: "Esc clears the filter" },
    { keys: "/mem<Enter>", expected: { filter: "mem", mode: "normal" }, why: "Enter keeps it" },
    { keys: "/mem<Esc>", expected: { filter: "", mode: "normal" }, why: "Esc in the prompt drops it" },
    { keys: "<Enter>", expected: { zoom: true }, why: "Enter zooms the panel" },
    { keys: "<Tab>", expected: { pane: "alerts" }, why: "Tab goes to the alerts" },
    { keys: "<Tab><Tab>", expected: { pane: "main" }, why: "and back" },
    { keys: "?jj", expected: { help: true, helpTop: 2 }, why: "help scrolls" },
    { keys: "?x", expected: { help: false, pane: "main" }, why: "another key closes help and does nothing else" },
    { keys: ":<Backspace>", expected: { mode: "normal" }, why: "erasing the empty line leaves" },
    { keys: ":rab<Enter>", expected: { view: "rabbitmq" }, why: "an unambiguous beginning is enough" },
    { keys: ":explore up == 0<Enter>", expected: { view: "explore", expr: "up == 0" }, why: "an expression in one go" },
    { keys: "A", expected: { alertsLarge: true }, why: "the large alert pane" },
    { keys: "c", expected: { theme: "dark" }, why: "the next theme" },
    { keys: "§", expected: { view: "redis", cursor: 0 }, why: "an unknown key is nothing" },
  ])("$keys: $why", ({ keys, expected }) => {
    expect(type(start, keys).state).toMatchObject(expected);
  });

  test.each([
    { keys: "q", effects: [{ kind: "quit" }] },
    { keys: "<C-c>", effects: [{ kind: "quit" }] },
    { keys: "?<C-c>", effects: [{ kind: "quit" }] },
    { keys: "<C-l>", effects: [{ kind: "redraw" }] },
    { keys: "<C-z>", effects: [{ kind: "suspend" }] },
    { keys: ":q<Enter>", effects: [{ kind: "quit" }] },
    { keys: "y", effects: [{ kind: "copy", text: "redis_memory" }] },
    { keys: "ay", effects: [{ kind: "copy", text: "redis_up == 0" }] },
    { keys: "m", effects: [{ kind: "mouse", on: true }] },
    { keys: "/q<Enter>", effects: [] },
    { keys: ":reload<Enter>", effects: [{ kind: "command", command: { kind: "reload" } }] },
    {
      keys: "Mdeploy 41<Enter>",
      effects: [{ kind: "command", command: { kind: "mark", text: "deploy 41", author: "kim" } }],
    },
    {
      keys: "ax<Enter>",
      effects: [
        {
          kind: "command",
          command: { kind: "ack", fingerprint: fingerprint(alert.labels), author: "kim", comment: "" },
        },
      ],
    },
  ])("$keys causes $effects", ({ keys, effects }) => {
    expect(type(start, keys).effects).toEqual(effects);
  });

  test("a mark while paused is put at the pause", () => {
    const paused = { ...start, time: pauseAt(start.time, NOON - 5_000) };
    expect(type(paused, "Mhere<Enter>").effects).toEqual([
      { kind: "command", command: { kind: "mark", text: "here", author: "kim", at: NOON - 5_000 } },
    ]);
  });

  test("Enter on an alert pauses where it began, on the panel that shows what it watches", () => {
    const { state } = type(initialState("hosts"), "a<Enter>");
    expect(state).toMatchObject({ view: "redis", zoom: true, pane: "main", crumbs: ["hosts"] });
    expect(state.time).toMatchObject({ mode: "paused", at: NOON - 60_000 });
    expect(shopPanels.filter((spec) => spec.view === "redis")[state.cursor]?.id).toBe("redis.up");
  });
});

describe("refusals are sentences", () => {
  test.each([
    { keys: "<", given: { changes: [] }, text: "no earlier alert change" },
    { keys: ">", given: {}, text: "no later alert change" },
    { keys: "b25:99<Enter>", given: {}, text: '"25:99" is not a time' },
    { keys: "b13:00<Enter>", given: { now: NOON }, text: "" },
    { keys: ":frobnicate<Enter>", given: {}, text: '"frobnicate" is no command or view; ? lists them' },
    { keys: ":span soon<Enter>", given: {}, text: '"soon" is not a duration' },
    { keys: "as<C-u>forever<Enter>", given: {}, text: '"forever" is not a duration' },
    { keys: "ax", given: { alerts: [] }, text: "no alert here" },
    { keys: "M", given: { capabilities: undefined }, text: "the engine has not answered yet" },
    {
      keys: "ax",
      given: { capabilities: { ...context.capabilities, kind: "bundle", place: "x.opsmon", control: false } as never },
      text: "x.opsmon is read-only: no marks, silences or acknowledgements",
    },
    {
      keys: "<",
      given: { capabilities: { ...context.capabilities, journal: false } as never },
      text: "this source keeps no alert history",
    },
  ])("$keys says $text", ({ keys, given, text }) => {
    const { state, effects } = type(start, keys, given);
    expect(state.toast?.text ?? "").toBe(text);
    expect(effects).toEqual([]);
  });

  test("a line that cannot be carried out stays to be mended", () => {
    const { state } = type(start, "bnoonish<Enter>");
    expect(state).toMatchObject({ mode: "goto", input: { text: "noonish" }, toast: { kind: "error" } });
  });
});

describe("the keymap", () => {
  test("gives every key one meaning in every place", () => {
    for (const place of ["alerts", "targets", "explore", "panels"] as const) {
      const seen = new Map<string, string>();
      for (const binding of BINDINGS.filter((b) => b.place === place || b.place === "anywhere")) {
        for (const key of binding.keys) {
          const id = `${binding.place} ${key}`;
          expect([id, seen.has(id)]).toEqual([id, false]);
          seen.set(id, binding.action);
        }
      }
    }
  });

  test("lists in help exactly what the keys do", () => {
    for (const place of ["alerts", "targets", "explore", "panels"] as const) {
      for (const binding of bindingsFor([place])) {
        expect(binding.keys.some((key) => actionFor(key, [place]) === binding.action)).toBe(true);
      }
    }
    expect(bindingsFor(["alerts"]).filter((b) => b.keys.includes("Enter"))).toHaveLength(1);
  });

  test("has a key for every view", () => {
    expect(new Set(VIEWS).size).toBe(12);
  });
});

test.each([
  { text: "pg", view: "postgres" },
  { text: "post", view: "postgres" },
  { text: "s", view: undefined },
  { text: "s3", view: "storage" },
  { text: "api", view: "services" },
  { text: "", view: undefined },
])("the palette takes $text for $view", ({ text, view }) => {
  expect(text === "" ? undefined : viewNamed(text)).toBe(view);
});

test("the palette reads spans, moments and marks", () => {
  expect(parsePalette("span 1h30m")).toEqual({ kind: "span", spanMs: 5_400_000 });
  expect(parsePalette("goto -15m")).toEqual({ kind: "goto", text: "-15m" });
  expect(parsePalette("  mark  a deploy ")).toEqual({ kind: "mark", text: "a deploy" });
  expect(parsePalette("")).toEqual({ kind: "nothing" });
});

describe("completion", () => {
  const vocabulary = { metrics: new Set(["redis_up", "redis_memory", "node_load1"]), labels: ["instance", "job"] };
  const offered = (mode: UiState["mode"], text: string): readonly string[] =>
    completionsFor({ ...start, mode, input: { text, caret: text.length } }, vocabulary).slice(0, 3);
  test.each([
    { mode: "explore", text: "rate(redis_", first: "redis_up", why: "metric names" },
    { mode: "explore", text: "redis_up{ins", first: "instance", why: "label names inside braces" },
    { mode: "explore", text: "sum by (jo", first: "job", why: "label names in a grouping" },
    { mode: "explore", text: "histo", first: "histogram_quantile", why: "functions" },
    { mode: "explore", text: "load", first: "node_load1", why: "a word in the middle of a name" },
    { mode: "palette", text: "rab", first: "rabbitmq", why: "views" },
    { mode: "palette", text: "explore redis_m", first: "redis_memory", why: "metrics after explore" },
    { mode: "filter", text: "re", first: undefined, why: "a filter is free text" },
  ] as const)("$text offers $first: $why", ({ mode, text, first }) => {
    expect(offered(mode, text)[0]).toBe(first);
  });
});

test.each([
  { filter: "", text: "anything", passes: true },
  { filter: "DISK", text: "disk space", passes: true },
  { filter: "!disk", text: "disk space", passes: false },
  { filter: "!disk", text: "cpu", passes: true },
  { filter: "!", text: "cpu", passes: true },
  { filter: ".*", text: "cpu", passes: false },
])("the filter $filter on $text: $passes", ({ filter, text, passes }) => {
  expect(passesFilter(filter, text)).toBe(passes);
});
