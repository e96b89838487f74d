/** Remote write 2.0: what is read of a request, and what is refused. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { decodeWriteRequest2 } from "../../../src/remote/codec.ts";
import { snappyEncode } from "../../../src/remote/snappy.ts";
import { type Series2, writeRequest2 } from "../../support/write2.ts";

const list: readonly Series2[] = [
  {
    labels: { __name__: "http_requests_total", job: "web" },
    samples: [
      [-5, 1],
      [15_000, 0.1],
    ],
    metadata: [1, "Requests.", ""],
    createdAt: -60_000,
  },
  { labels: { __name__: "up", job: "web" }, samples: [[15_000, "stale"]] },
  {
    labels: { __name__: "lat_seconds_bucket", job: "web", le: "+Inf" },
    samples: [[1, Number.POSITIVE_INFINITY]],
    exemplars: 2,
    metadata: [3, "Latency.", "seconds"],
  },
  { labels: { __name__: "native", job: "web" }, histograms: 3 },
  { labels: { job: "nameless" }, samples: [[1, 1]] },
];

describe("a request of version 2", () => {
  test.each([true, false])("is read whole, labels packed: %s", (packed) => {
    const message = decodeWriteRequest2(writeRequest2(list, packed));
    expect(
      message.series.map(({ labels, t, v, stale }) => [labels.toString(), [...t], [...v], stale && [...stale]]),
    ).toEqual([
      ['http_requests_total{job="web"}', [-5, 15_000], [1, 0.1], undefined],
      ['up{job="web"}', [15_000], [Number.NaN], [1]],
      ['lat_seconds_bucket{job="web", le="+Inf"}', [1], [Number.POSITIVE_INFINITY], undefined],
    ]);
    expect(message).toMatchObject({
      samples: 4,
      exemplars: 2,
      histograms: 3,
      histogramMetrics: ["native"],
      invalid: 1,
    });
    expect([...message.metadata]).toEqual([
      ["http_requests_total", { type: "counter", help: "Requests.", unit: "" }],
      ["lat_seconds", { type: "histogram", help: "Latency.", unit: "seconds" }],
    ]);
  });

  const refs = (...numbers: number[]): Uint8Array =>
    snappyEncode(Uint8Array.from([34, 0, 34, 1, 97, 42, numbers.length + 2, 10, numbers.length, ...numbers]));
  const refused: readonly (readonly [bytes: Uint8Array, message: RegExp, why: string])[] = [
    [refs(1), /a label without a value/, "an odd number of texts"],
    [refs(1, 9), /there is no text 9/, "a text that is not in the table"],
    [writeRequest2(list, true, ["x"]), /its first text is not the empty one/, "a table without the empty text"],
    [snappyEncode(Uint8Array.from([34, 200])), /ends inside a field/, "cut off"],
    [Uint8Array.from([255, 255, 255, 255, 15]), /bytes when decoded/, "a promise of 4 GiB"],
  ];
  test.each(refused)("%# is refused: %s", (bytes, message) => {
    expect(() => decodeWriteRequest2(bytes)).toThrow(message);
  });

  test("a few texts referred to very often do not fill the memory", () => {
    const labels = { __name__: "a".repeat(1_000_000) };
    const many = Array.from({ length: 200 }, (): Series2 => ({ labels, samples: [[1, 1]] }));
    expect(() => decodeWriteRequest2(writeRequest2(many))).toThrow(/have more than \d+ characters/);
  });

  test("any bytes are read or refused", () => {
    const whole = writeRequest2(list);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        try {
          expect(decodeWriteRequest2(bytes).series.length).toBeLessThanOrEqual(list.length * 100);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
