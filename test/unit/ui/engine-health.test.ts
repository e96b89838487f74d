/** What the engine says of itself, in the health table: what keeps the screen from being believed, and nothing else. */
import { afterEach, describe, expect, test } from "vitest";
import type { StatusItem } from "../../../src/api/source.ts";
import { engineHealth } from "../../../src/ui/engine-health.ts";
import type { Snapshot } from "../../../src/ui/snapshot.ts";
import { mount, unmountAll } from "../../support/console.ts";

afterEach(unmountAll);

const full: StatusItem = { name: "store", state: "crit", text: "read-only: the disk has 3 MiB left" };
const refused: StatusItem = { name: "telegram/telegram", state: "warn", text: "telegram 403: Forbidden" };
const rowsOf = (items: readonly StatusItem[], live = true): readonly string[] =>
  engineHealth({ status: { items } } as unknown as Snapshot, live).map((row) => `${row.state} ${row.why}`);

test.each([
  { items: [], rows: [], why: "nothing is wrong" },
  { items: [full], rows: ["crit store: read-only: the disk has 3 MiB left"], why: "nothing is kept" },
  { items: [refused], rows: ["warn telegram/telegram: telegram 403: Forbidden"], why: "nobody is told" },
  {
    items: [refused, full],
    rows: ["crit store: read-only: the disk has 3 MiB left (and 1 more: opsmon status)"],
    why: "the worst speaks",
  },
  {
    items: [full, { ...full, text: "57 series" }],
    rows: ["crit store: read-only: the disk has 3 MiB left"],
    why: "a summary is no second one",
  },
  { items: [{ name: "target", state: "crit", text: "down" }], rows: [], why: "targets have a row of their own" },
  { items: [{ name: "alerts", state: "warn", text: "1 firing" }], rows: [], why: "alerts have a pane" },
  { items: [{ name: "config", state: "warn", text: "a key" }], rows: [], why: "not news" },
] as const)("$why", ({ items, rows }) => {
  expect(rowsOf(items)).toEqual(rows);
});

test("says nothing of a moment that is past", () => {
  expect(rowsOf([full], false)).toEqual([]);
});

describe.each([
  { width: 46, height: 19 },
  { width: 80, height: 24 },
  { width: 120, height: 40 },
])("on $width x $height", ({ width, height }) => {
  test("a store that takes nothing is among what is worst, until the engine falls silent", async () => {
    const { tty, source, press, settle } = await mount(width, height, { facts: { items: [full] } });
    const text = await tty.text();
    expect(text).toMatch(/◆ (?:CRIT )?opsmon .* store/);
    expect(text).toContain("3 critical");
    await press("/opsmon\r");
    expect(await tty.text()).toContain("read-only: the disk has 3 MiB");
    await press("\r");
    expect(await tty.text()).toContain("RedisDown");
    await press("0");
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    expect(await tty.text()).not.toContain("read-only");
  });
});
