/** A chunk of a very wide page is encoded in turns: the same bytes, and scrapes that come meanwhile are not lost. */
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { buildChunk, buildChunkInTurns } from "../../../src/tsdb/chunk.ts";
import { Rows } from "../../../src/tsdb/rows.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const WIDE = 9_000;
const valueOf = (row: number, column: number): number =>
  column % 3 === 0 ? column : column % 3 === 1 ? row * column : Math.sin(row * column);

test("the same bytes as at once", async () => {
  const rows = new Rows(WIDE);
  for (let row = 0; row < 50; row++)
    rows.fill(
      rows.row(T0 + row * 1_000),
      Float64Array.from({ length: WIDE }, (_, column) => valueOf(row, column)),
      WIDE,
    );
  const raw = { tier: 0, group: 1, seq: 7, ordinal: 3, late: false, view: rows.finish() };
  const inTurns = await buildChunkInTurns(raw);
  expect(inTurns).toEqual(buildChunk(raw));
  expect(inTurns.meta.samples).toBe(50 * WIDE);
});

test("rows that are committed while the chunk before them is encoded are stored like all others", async () => {
  await using box = await storeBox({ chunkRows: 16 });
  const appender = box.db.appender();
  const refs = Float64Array.from({ length: WIDE }, (_, c) =>
    appender.series(Labels.from({ __name__: "wide", c: String(c) })),
  );
  const commits: Promise<unknown>[] = [];
  for (let row = 0; row < 60; row++) {
    appender.appendRow(
      refs,
      T0 + row * 1_000,
      Float64Array.from(refs, (_, column) => valueOf(row, column)),
      WIDE,
    );
    commits.push(Promise.resolve(appender.commit()));
    if (row % 7 === 0) await commits.at(-1);
  }
  await Promise.all(commits);
  await box.reopen();
  const stored = await dump(box.db, [createMatcher("c", "=~", "1|2|3|8999")], T0, T0 + 1e6);
  for (const [name, points] of Object.entries(stored)) {
    const column = Number(/c="(\d+)"/.exec(name)?.[1]);
    expect(points.map((point) => Number(point.split("=")[1]))).toEqual(
      Array.from({ length: 60 }, (_, row) => valueOf(row, column)),
    );
  }
  expect(Object.keys(stored)).toHaveLength(4);
});
