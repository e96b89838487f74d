/** Remembered selections: always what the index says, in the order of the labels, and the same array while it can be. */
import { expect, it } from "vitest";
import { compareLabels, Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { MatchCache } from "../../../src/tsdb/matched.ts";
import { SeriesIndex } from "../../../src/tsdb/series-index.ts";

const up = [createMatcher("__name__", "=", "up")];
const labels = (name: string, i: number): Labels => Labels.from({ __name__: name, i: String(i) });

it("gives the same array until a series of the selector comes or goes", async () => {
  const index = new SeriesIndex();
  for (const i of [30, 4, 17, 8]) index.add(labels("up", i));
  const cache = new MatchCache(index);
  const first = await cache.of(up);
  expect(first.labels.map((one) => one.get("i"))).toEqual(["17", "30", "4", "8"]);
  expect(first.labels.map((one) => index.find(one))).toEqual([...first.refs]);
  index.add(labels("down", 1));
  expect((await cache.of(up)).labels, "another metric's series").toBe(first.labels);
  const fresh = index.add(labels("up", 2));
  const second = await cache.of(up);
  expect(second.labels.map((one) => one.get("i"))).toEqual(["17", "2", "30", "4", "8"]);
  index.kill(fresh);
  expect((await cache.of(up)).labels.map((one) => one.get("i"))).toEqual(["17", "30", "4", "8"]);
  index.find(labels("up", 2));
  expect((await cache.of(up)).labels, "a series that lives again").toHaveLength(5);
});

it("keeps its order through any coming and going", async () => {
  const index = new SeriesIndex();
  const cache = new MatchCache(index);
  const refs: number[] = [];
  for (let i = 0; i < 300; i++) {
    refs.push(index.add(labels("up", (i * 7919) % 1_000)));
    if (i % 3 === 0) index.kill(refs[(i * 31) % refs.length] as number);
    if (i % 7 !== 0) continue;
    const { labels: sets, refs: found } = await cache.of(up);
    expect([...found].sort((a, b) => a - b)).toEqual([...(await index.match(up))]);
    expect(sets).toEqual([...sets].sort(compareLabels));
  }
});

it("gives the same array for the same part", async () => {
  const index = new SeriesIndex();
  for (let i = 0; i < 9; i++) index.add(labels("up", i));
  const matched = await new MatchCache(index).of(up);
  const part = matched.part(Uint32Array.of(1, 5));
  expect(part.map((one) => one.get("i"))).toEqual(["1", "5"]);
  expect(matched.part(Uint32Array.of(1, 5))).toBe(part);
  expect(matched.part(Uint32Array.of(1, 6))).not.toBe(part);
});

it("tells the series without their order first, and sorts them when it is asked to", async () => {
  const index = new SeriesIndex();
  for (const i of [30, 4, 17, 8]) index.add(labels("up", i));
  const cache = new MatchCache(index);
  const found = await cache.refs(up);
  expect([...found]).toEqual([1, 2, 3, 4]);
  expect(await cache.refs(up)).toBe(found);
  const { labels: sets } = await cache.of(up);
  expect(sets.map((one) => one.get("i"))).toEqual(["17", "30", "4", "8"]);
  expect(await cache.refs(up), "what was sorted meanwhile is still the same").toBe(found);
  index.add(labels("up", 2));
  expect([...(await cache.refs(up))]).toEqual([1, 2, 3, 4, 5]);
  expect((await cache.of(up)).labels.map((one) => one.get("i"))).toEqual(["17", "2", "30", "4", "8"]);
  index.kill(5);
  expect([...(await cache.refs(up))]).toEqual([1, 2, 3, 4]);
  expect((await cache.of(up)).labels.map((one) => one.get("i"))).toEqual(["17", "30", "4", "8"]);
});
