/** Which rule packs are in force: those chosen, those of exporters that have been seen, those any scrape justifies. */
import { expect, test } from "vitest";
import { createPackGate } from "../../../src/app/pack-gate.ts";
import type { EngineOptions } from "../../../src/app/options.ts";
import type { Rooms } from "../../../src/app/rooms.ts";
import { loadSettings, type Settings } from "../../../src/app/settings.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { RuleGroup } from "../../../src/rules/group.ts";
import { eventually } from "../../support/process.ts";
import { type StoreBox, storeBox, T0 } from "../../support/tsdb.ts";

interface Gated {
  readonly applied: (readonly RuleGroup[])[];
  readonly rooms: Pick<Rooms, "tsdb" | "rules" | "options">;
}

function gated({ db, clock }: StoreBox): Gated {
  const applied: (readonly RuleGroup[])[] = [];
  const rules = {
    apply: async (groups: readonly RuleGroup[]): Promise<void> => {
      applied.push(groups);
    },
  } as unknown as Rooms["rules"];
  const options = { clock, log: silentLogger } as unknown as EngineOptions;
  return { applied, rooms: { tsdb: db, rules, options } };
}

async function store({ db, clock }: StoreBox, metric: string): Promise<void> {
  const appender = db.appender();
  appender.append(appender.series(Labels.from({ __name__: metric })), clock.now() - 1_000, 1);
  await appender.commit();
}

const settings: Settings = loadSettings(undefined, {});
const groupsOf = (...names: readonly string[]): number =>
  settings.packs.filter(({ name }) => names.includes(name)).reduce((sum, { groups }) => sum + groups.length, 0);
const standing = settings.packs.filter(({ chosen }) => chosen).map(({ name }) => name);

test("a pack waits for its exporter, comes when one of its metrics is stored, and stays", async () => {
  await using box = await storeBox();
  const { applied, rooms } = gated(box);
  using gate = createPackGate(rooms);
  await gate.start(settings);
  const before = applied[0]?.length as number;
  expect(before, "what any scrape justifies").toBe(groupsOf("targets", ...standing));
  await store(box, "some_other_metric");
  await box.clock.advance(10_000);
  await store(box, "redis_up");
  await box.clock.advance(10_000);
  await eventually("the pack of Redis", () => applied.at(-1)?.length === before + groupsOf("redis"));
  await box.clock.advance(60_000);
  expect(applied, "nothing is applied while nothing changes").toHaveLength(2);
  await gate.start(settings);
  expect(applied.at(-1)?.length, "after a reload").toBe(before + groupsOf("redis"));
});

test("a metric that is in the store already counts at once", async () => {
  await using box = await storeBox();
  await store(box, "pg_up");
  const { applied, rooms } = gated(box);
  using gate = createPackGate(rooms);
  await gate.start(settings);
  expect(applied[0]?.length).toBe(groupsOf("targets", "postgres", ...standing));
  expect(box.clock.now()).toBe(T0 + 86_400_000);
});
