import * as fc from "fast-check";
import { expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { escapeControl } from "../../src/base/log.ts";
import { formatGoFloat, parseFloatInto, readShortFloat } from "../../src/exposition/float.ts";
import { createPageParser, type PageFormat, type ParsedPage, parsePage } from "../../src/exposition/parse.ts";
import { groupByMetric, type WriteSample, writePage } from "../../src/exposition/write.ts";
import { Labels } from "../../src/model/labels.ts";

const format = fc.constantFrom<PageFormat>("text", "openmetrics");
const text = fc.string({ unit: "grapheme", maxLength: 12 });
const name = fc.oneof(
  fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/),
  text.filter((t) => t !== ""),
);
const value = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, 1e21, 1e-7, Infinity, Number.NaN), fc.integer());
const sample = fc
  .record({
    metric: name,
    labels: fc.dictionary(
      name.filter((n) => n !== "__name__"),
      text,
      { maxKeys: 4 },
    ),
    value,
    timestamp: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
  })
  .map(({ metric, labels, value, timestamp }): WriteSample => {
    const all = Labels.from({ ...labels, __name__: metric });
    return timestamp === undefined ? { labels: all, value } : { labels: all, value, timestamp };
  });
const samples = fc.array(sample, { maxLength: 12 });

function rows(page: ParsedPage): readonly unknown[] {
  return page.series.map(({ labels }, i) => {
    const t = page.timestamps?.[i];
    return [labels.key, page.values[i], t === undefined || Number.isNaN(t) ? undefined : t];
  });
}

/** The rows of a page, or the message of the UserError that refused it. Anything else thrown goes through. */
function outcome(read: () => ParsedPage): readonly unknown[] | string {
  try {
    return rows(read());
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const write = (list: readonly WriteSample[], as: PageFormat): Buffer =>
  Buffer.from(writePage(groupByMetric(list), as), "utf8");

test("what is written reads back: labels, values to the last bit, timestamps", () => {
  fc.assert(
    fc.property(samples, format, (list, as) => {
      const ordered = groupByMetric(list).flatMap((family) => family.samples);
      const expected = ordered.map(({ labels, value, timestamp }) => [labels.key, value, timestamp]);
      expect(rows(parsePage(write(list, as), as))).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test("random and broken bytes are parsed or refused with a sentence, never anything else", () => {
  const page = fc.tuple(samples, format, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }));
  const broken = page.map(([list, as, edits]) => {
    const bytes = write(list, as);
    for (const [at, byte] of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(broken, garbage), format, (bytes, as) => {
      const result = outcome(() => parsePage(bytes, as));
      const message = typeof result === "string" ? result : "line 1: fine";
      expect(message).toMatch(/^line \d+: ./);
      expect(message).toBe(escapeControl(message));
    }),
    { numRuns: 500 },
  );
});

test("a replayed page equals the same page read cold, whatever changed", () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant("value" as const), at: fc.nat(), value }),
    fc.record({ kind: fc.constant("drop" as const), at: fc.nat() }),
    fc.record({ kind: fc.constant("byte" as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({ kind: fc.constant("none" as const) }),
  );
  let replayed = 0;
  fc.assert(
    fc.property(samples, format, fc.array(change, { maxLength: 8 }), (start, as, changes) => {
      const parser = createPageParser();
      let list = start;
      for (const step of [{ kind: "none" as const }, ...changes]) {
        const at = "at" in step && list.length > 0 ? step.at % list.length : 0;
        if (step.kind === "value") list = list.map((one, i) => (i === at ? { ...one, value: step.value } : one));
        if (step.kind === "drop") list = list.filter((_, i) => i !== at);
        const bytes = write(list, as);
        if (step.kind === "byte" && bytes.length > 0) bytes[step.at % bytes.length] = step.byte;
        const cold = outcome(() => parsePage(Buffer.from(bytes), as));
        const warm = outcome(() => parser.parse(bytes, as));
        expect(warm).toEqual(cold);
      }
      replayed += parser.replayed;
    }),
    { numRuns: 300 },
  );
  expect(replayed).toBeGreaterThan(100);
});

test("the short way to a number says what the long one says, or nothing", () => {
  const digits = fc.stringMatching(/^[0-9]{0,17}$/);
  const decimal = fc
    .tuple(
      fc.constantFrom("", "-", "+"),
      digits,
      fc.constantFrom("", "."),
      digits,
      fc.constantFrom("", "e", "E"),
      fc.integer({ min: -40, max: 40 }),
    )
    .map(([sign, whole, dot, part, e, power]) => {
      const exponent = e === "" ? "" : `${e}${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
      return `${sign}${whole}${dot}${part}${exponent}`;
    });
  const texts = fc.oneof(decimal, fc.double().map(formatGoFloat), fc.stringMatching(/^[0-9.eE+-]{1,8}$/));
  fc.assert(
    fc.property(texts, fc.constantFrom("\n", " ", "", "x", "\t"), (number, after) => {
      const bytes = Buffer.from(`ab ${number}${after}`);
      const out = new Float64Array(2);
      const stop = readShortFloat(out, 0, bytes, 3, bytes.length);
      if (stop < 0) return;
      expect(after === "x" || after === "\t" ? -1 : stop).toBe(3 + number.length);
      expect(parseFloatInto(out, 1, bytes, 3, stop)).toBe(true);
      expect(Object.is(out[0], out[1])).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
