import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { Labels } from "../../../src/model/labels.ts";
import {
  appendWriteRequest,
  decodeReadRequest,
  decodeReadResponse,
  decodeWriteRequest,
  encodeReadRequest,
  encodeReadResponse,
  encodeWriteRequest,
  type RemoteSeries,
} from "../../../src/remote/codec.ts";
import { ProtoReader, ProtoWriter } from "../../../src/remote/protobuf.ts";
import { snappyDecode, snappyEncode } from "../../../src/remote/snappy.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { dumpStore, SCRAPE_START } from "../../support/scrape.ts";

const series = (
  labels: Record<string, string>,
  samples: readonly (readonly [number, number | "stale"])[],
): RemoteSeries => ({
  labels: Labels.from(labels),
  t: Float64Array.from(samples, ([t]) => t),
  v: Float64Array.from(samples, ([, v]) => (v === "stale" ? Number.NaN : v)),
  stale: samples.some(([, v]) => v === "stale")
    ? Uint8Array.from(samples, ([, v]) => (v === "stale" ? 1 : 0))
    : undefined,
});
const plain = (one: RemoteSeries): unknown => ({
  labels: one.labels.key,
  t: [...one.t],
  v: [...one.v],
  stale: one.stale && [...one.stale],
});
/** Snappy without any compression, so a message can be written byte by byte. */
const literal = (bytes: Uint8Array): Buffer => {
  const length = bytes.length;
  return Buffer.concat([
    Buffer.from([(length & 0x7f) | 0x80, length >> 7, 61 << 2, (length - 1) & 255, (length - 1) >> 8]),
    bytes,
  ]);
};

function thrownBy(act: () => unknown): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("remote write", () => {
  test("a request reads back, stale markers and times before 1970 included", () => {
    const list = [
      series({ __name__: "up", job: "a" }, [
        [-5, 1],
        [0, 0.1],
        [1_700_000_000_000, "stale"],
      ]),
      series({ __name__: "é", "my.label": "x" }, [
        [1, Number.NaN],
        [2, -0],
        [3, Infinity],
        [2 ** 45, 5e-324],
      ]),
    ];
    const metadata = new Map([["up", { type: "gauge", help: "is it?", unit: "" } as const]]);
    const request = decodeWriteRequest(encodeWriteRequest(list, metadata));
    expect(request.series.map(plain)).toEqual(list.map(plain));
    expect(request).toMatchObject({ samples: 7, invalid: 0, exemplars: 0, histograms: 0, metadata });
  });

  test("the stale marker is told from other NaNs by its bits and stored as a marker", async () => {
    const message = new ProtoWriter().message(1, (one) => {
      one.message(1, (label) => void label.text(1, "__name__").text(2, "m"));
      one.message(2, (sample) => void sample.bits(1, 2, 0x7ff0_0000).int64(2, SCRAPE_START + 1));
      one.message(2, (sample) => void sample.bits(1, 1, 0x7ff8_0000).int64(2, SCRAPE_START + 2));
      one.message(2, (sample) => void sample.bits(1, 2, 0x7ff8_0000).int64(2, SCRAPE_START + 3));
    });
    const store = memoryStore();
    const appender = store.appender();
    appendWriteRequest(decodeWriteRequest(literal(message.finish())), appender);
    await appender.commit();
    expect(await dumpStore(store)).toEqual({
      m: [
        [1, "stale"],
        [2, Number.NaN],
        [3, Number.NaN],
      ],
    });
  });

  test("unusable label sets are left out and counted, the rest is taken", () => {
    const raw = (pairs: readonly (readonly [string, string])[]) => (one: ProtoWriter) => {
      for (const [name, value] of pairs) one.message(1, (label) => void label.text(1, name).text(2, value));
      one.message(2, (sample) => void sample.double(1, 1).int64(2, 1));
    };
    const message = new ProtoWriter()
      .message(
        1,
        raw([
          ["a", "1"],
          ["__name__", "ok"],
        ]),
      )
      .message(1, raw([["a", "1"]]))
      .message(
        1,
        raw([
          ["__name__", "m"],
          ["a", "1"],
          ["a", "2"],
        ]),
      )
      .message(
        1,
        raw([
          ["__name__", "m"],
          ["", "2"],
        ]),
      )
      .message(
        1,
        raw([
          ["__name__", "kept"],
          ["empty", ""],
        ]),
      );
    const request = decodeWriteRequest(literal(message.finish()));
    expect(request.series.map(({ labels }) => labels.toString())).toEqual(['ok{a="1"}', "kept"]);
    expect(request.invalid).toBe(3);
    expect(request.reasons).toEqual([
      "a series has no __name__",
      'the label "a" appears twice',
      "a label has an empty name",
    ]);
  });

  test("exemplars and native histograms are counted, unknown fields are passed over", () => {
    const message = new ProtoWriter().message(1, (one) => {
      one.message(1, (label) => void label.text(1, "__name__").text(2, "m"));
      one.message(3, (exemplar) => void exemplar.double(2, 1));
      one.message(4, (histogram) => void histogram.int64(1, 5));
      one.double(77, 1).int64(78, 1).text(79, "x");
    });
    expect(decodeWriteRequest(literal(message.finish()))).toMatchObject({ exemplars: 1, histograms: 1, samples: 0 });
  });
});

describe("remote read", () => {
  test("queries and answers read back", () => {
    const query = {
      start: -1,
      end: 1_700_000_000_000,
      matchers: [
        { name: "__name__", op: "=", value: "up" },
        { name: "job", op: "!~", value: "a|b" },
      ],
      stepMs: 15_000,
      rangeMs: 300_000,
      func: "rate",
    } as const;
    expect(decodeReadRequest(encodeReadRequest({ queries: [query] }))).toEqual({ queries: [query] });
    const results = [
      [
        series({ __name__: "up" }, [
          [1, 2],
          [3, "stale"],
        ]),
      ],
      [],
    ];
    const decoded = decodeReadResponse(encodeReadResponse({ results }));
    expect(decoded.results.map((result) => result.map(plain))).toEqual(results.map((result) => result.map(plain)));
  });
});

describe("hostile bytes", () => {
  test.each([
    [[], /does not say its length/, "empty"],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], /does not say its length/, "a length of 6 bytes"],
    [[0xff, 0xff, 0xff, 0xff, 0x07, 0], /has 2147483647 bytes when decoded/, "2 GiB claimed"],
    [[0x80, 0x80, 0x80, 0x08, 0, 65], /too short for the length it says/, "16 MiB claimed by six bytes"],
    [[5, 0, 65], /has 1 bytes and says 5/, "shorter than it says"],
    [[1, 8, 65, 66, 67], /a literal runs over its end/, "longer than it says"],
    [[4, 0xf0, 0xff], /a literal runs over its end/, "a literal of 256 bytes"],
    [[4, 0xfc, 0xf0, 0xff, 0xff, 0xff, 65], /a literal runs over its end/, "a length that is negative in 32 bits"],
    [[8, 0, 65, 0x01, 5], /a copy points before the start/, "a copy from before the start"],
    [[8, 0, 65, 0x01, 0], /a copy points before the start/, "a copy of nothing"],
    [[2, 0, 65, 0x1d, 1], /a copy runs over the end/, "a copy beyond the end"],
    [[2, 0, 65, 0x02, 1], /it ends inside an element/, "cut in an offset"],
  ])("snappy %j is refused: %s", (bytes, expected) => {
    expect(() => snappyDecode(Buffer.from(bytes), 16 * 1024 * 1024)).toThrow(expected);
  });

  test("overlapping copies repeat", () => {
    expect(snappyDecode(Buffer.from([6, 4, 65, 66, 0x01, 2]), 100).toString()).toBe("ABABAB");
  });

  test("what is encoded decodes, and any other bytes are refused with a UserError", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc.string({ maxLength: 40 }).map((s) => Buffer.from(s.repeat(50))),
    );
    fc.assert(
      fc.property(bytes, fc.uint8Array({ maxLength: 60 }), (good, random) => {
        expect(snappyDecode(snappyEncode(good), 1e6).equals(Buffer.from(good))).toBe(true);
        const bodies = [random, literal(random)];
        const decoders = [decodeWriteRequest, decodeReadRequest, decodeReadResponse];
        const thrown = bodies.flatMap((body) => decoders.map((decode) => thrownBy(() => decode(body))));
        expect(thrown.filter((error) => error !== undefined && !(error instanceof UserError))).toEqual([]);
      }),
    );
  });

  test("int64 is exact to 2^53 on both sides of zero", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const reader = new ProtoReader(new ProtoWriter().int64(1, value).finish());
        expect(reader.next()).toBe(true);
        expect(reader.int64()).toBe(value);
      }),
    );
  });
});
