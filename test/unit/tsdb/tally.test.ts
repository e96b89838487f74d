/** Series counted by runs: the very same as when each is looked at, wherever they live and whoever has moved. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SeriesRef } from "../../../src/model/sample.ts";
import { Head } from "../../../src/tsdb/head.ts";
import { Rows } from "../../../src/tsdb/rows.ts";
import { tally } from "../../../src/tsdb/tally.ts";

const GROUPS = 4;
const NOW = 1_000_000;

type Newest = "whole" | "holes" | "old" | "none";

const newest = fc.constantFrom<Newest>("whole", "whole", "whole", "holes", "old", "none");

test("runs of neighbours come to what their series come to one by one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ group: fc.nat(GROUPS - 1), many: fc.integer({ min: 1, max: 12 }) }), { maxLength: 20 }),
      fc.array(fc.record({ ref: fc.nat(100), to: fc.nat(GROUPS - 1) }), { maxLength: 4 }),
      fc.array(newest, { minLength: GROUPS, maxLength: GROUPS }),
      fc.integer({ min: 1, max: 5 }),
      async (settled, moves, kinds, every) => {
        const head = new Head(64);
        const groups = kinds.map(() => head.createGroup());
        let last = 0;
        for (const { group, many } of settled)
          for (let i = 0; i < many; i++) head.settle(++last, groups[group] as (typeof groups)[number]);
        for (const { ref, to } of moves) {
          if (ref === 0 || ref > last) continue;
          head.unsettle(ref);
          head.settle(ref, groups[to] as (typeof groups)[number]);
        }
        kinds.forEach((kind, i) => fill(groups[i] as (typeof groups)[number], kind));
        const refs = Uint32Array.from({ length: last }, (_, i) => i + 1).filter(
          (ref) => every === 1 || ref % every > 0,
        );
        const kindOf = (id: number): Newest => kinds[groups.findIndex((group) => group.id === id)] as Newest;
        const isIn = (kind: Newest): boolean => kind === "whole" || kind === "holes";
        const places = (ref: SeriesRef): Newest[] => [
          kindOf(head.homeGroupId(ref)),
          ...(head.former(ref) ?? []).map(({ group }) => kindOf(group.id)),
        ];
        const inside = [...refs].filter((ref) => places(ref).some(isIn));
        const whole = inside.filter((ref) => head.former(ref) === undefined && places(ref)[0] === "whole");
        const result = await tally(head, refs, NOW - 1_000, NOW);
        expect({ ...result, rest: [...result.rest] }).toEqual({
          series: inside.length,
          whole: whole.length,
          rest: inside.filter((ref) => !whole.includes(ref)),
        });
      },
    ),
    { numRuns: 500 },
  );
});

function fill(group: ReturnType<Head["createGroup"]>, kind: Newest): void {
  if (kind === "none" || group.columns === 0) return;
  const rows = new Rows(group.columns);
  const count = kind === "holes" ? group.columns - 1 : group.columns;
  rows.fill(rows.row(kind === "old" ? NOW - 50_000 : NOW), new Float64Array(group.columns).fill(1), count);
  group.open = rows;
}
