import { describe, expect, test, vi } from "vitest";
import { type ExporterMode, MANY_SERIES, startExporter } from "../../support/exporter.ts";
import { dumpStore, SCRAPE_START, scrapeJob, scrapeRig } from "../../support/scrape.ts";

interface FaultCase {
  readonly mode: ExporterMode;
  readonly up: boolean;
  /** What Prometheus reports as scrape_samples_scraped. */
  readonly samples: number;
  readonly error: RegExp;
  readonly why: string;
}

const down = (mode: ExporterMode, samples: number, error: RegExp, why: string): FaultCase => ({
  mode,
  up: false,
  samples,
  error,
  why,
});
const up = (mode: ExporterMode, samples: number, why: string): FaultCase => ({
  mode,
  up: true,
  samples,
  error: /^$/,
  why,
});

const CASES: readonly FaultCase[] = [
  up("ok", 2, "a good page"),
  up("untyped", 2, "no Content-Type at all is read as text"),
  up("gzip", 2, "gzip although the loopback was asked for plain"),
  up("identity", 2, "RabbitMQ names the identity encoding"),
  up("moved", 2, "a redirect to another path is followed"),
  up("dup", 3, "the first of two equal series stays, the scrape is up"),
  up("empty", 0, "an empty page is a page"),
  up("nan", 5, "NaN, Inf and denormals are values"),
  up("longline", 3, "a label of 4 MiB without a limit"),
  up("openmetrics", 1, "exemplars are skipped"),
  up("future", 4, "a sample an hour ahead is left out, the scrape stays up"),
  up("escapes", 3, "control characters are legal label text"),
  up("many", MANY_SERIES, "50,000 series in one page"),
  down("500", 0, /^server answered 500 Internal Server Error$/, "the body of an error is not a page"),
  down("401", 0, /^server answered 401 Unauthorized$/, "credentials missing"),
  down("reset", 0, /closed the connection before the answer was complete/, "reset before headers"),
  down("truncated", 0, /^the connection ended after \d+ of \d+ bytes of the body$/, "cut off"),
  down("garbage", 0, /^line 1: expected a metric name/, "binary"),
  down("html", 0, /^line 1: the body is HTML, not metrics$/, "a login page"),
  down("cutline", 2, /^line 6: the value of the label "a" has no closing quote/, "good lines before do not count"),
  down("latin1", 2, /^line 6: the value of the label "k" is not valid UTF-8/, "not UTF-8"),
  down("crlf", 0, /CR LF/, "Windows line ends"),
  down("noeof", 1, /does not end with # EOF/, "OpenMetrics cut at a line end"),
  down("redirect", 0, /^stopped after 10 redirects$/, "a loop"),
  down("badgzip", 0, /^the body says gzip but is not gzip$/, "a proxy that lies"),
  down("shortgzip", 0, /^the gzip body ends too early$/, "cut gzip"),
  down("brotli", 0, /encoded as "br", which was not asked for/, "unknown encoding"),
  down("gzipbomb", 0, /^the body is larger than 64 MiB$/, "256 MiB in a few hundred KiB"),
  down("protobuf", 0, /protobuf/, "never asked for"),
];

describe("what a scrape makes of a faulty exporter", () => {
  test.each(CASES)("$mode: $why", async ({ mode, up: isUp, samples, error }) => {
    await using exporter = await startExporter(mode);
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("fault", [exporter.address])]);
    const status = await rig.next(0);
    expect({ health: status.health, samples: status.samples }).toEqual({ health: isUp ? "up" : "down", samples });
    expect(status.lastError).toMatch(error);
    const stored = await dumpStore(rig.store, "up|scrape_samples_(scraped|post_metric_relabeling)");
    // Of a page that fails Prometheus counts what is left after relabelling up to the mistake; a long label is kept out here.
    const left = mode === "longline" ? samples - 1 : samples;
    const at = status.lastScrapeAt - SCRAPE_START;
    const labels = `{instance="${exporter.address}", job="fault"}`;
    expect(stored).toEqual({
      [`up${labels}`]: [[at, isUp ? 1 : 0]],
      [`scrape_samples_scraped${labels}`]: [[at, samples]],
      [`scrape_samples_post_metric_relabeling${labels}`]: [[at, left]],
    });
    if (mode === "truncated") expect(exporter.scrapes, "asked once").toBe(1);
  });

  test.each([
    ["hang", /^no answer within 5s$/],
    ["drip", /^the body was not complete within 5s \(\d+ bytes so far\)$/],
  ] as const)("%s ends at the timeout and delays nobody", async (mode, error) => {
    await using slow = await startExporter(mode);
    await using good = await startExporter("ok");
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("fault", [slow.address, good.address])]);
    expect((await rig.next(10)).url).toBe(good.url);
    // Ten drips have been sent by then, so the answer has begun to arrive.
    await vi.waitUntil(() => slow.scrapes > 0 && (mode === "hang" || slow.drips > 10));
    await rig.clock.advance(5_000);
    await vi.waitUntil(() => rig.scraped.some(({ url }) => url === slow.url));
    const late = rig.scraped.find(({ url }) => url === slow.url);
    expect(late).toMatchObject({ health: "down", lastError: expect.stringMatching(error) as string });
  });

  test("a refused connection names the place", async () => {
    const exporter = await startExporter();
    await exporter.close();
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("fault", [exporter.address])]);
    const status = await rig.next(0);
    expect(status.lastError).toBe(`connection refused at ${exporter.address}: nothing listens there`);
  });

  test("limits of a job fail the scrape with the number and the setting", async () => {
    await using exporter = await startExporter("nan");
    const limits = [
      [{ sampleLimit: 4 }, "the page has 5 samples, sample_limit is 4"],
      [{ labelLimit: 3 }, 'a series of "fault_v" has 4 labels, label_limit is 3'],
      [{ labelNameLengthLimit: 7 }, 'the label name "__name__" is longer than label_name_length_limit 7'],
      [
        { labelValueLengthLimit: 3 },
        'the value of label "__name__" of "fault_up" has 8 bytes, label_value_length_limit is 3',
      ],
      [{ bodySizeLimitBytes: 100 }, "the body is larger than 100 bytes"],
    ] as const;
    for (const [changes, sentence] of limits) {
      await using rig = scrapeRig();
      await rig.manager.apply([scrapeJob("fault", [exporter.address], changes)]);
      const { lastError } = await rig.next(0);
      expect(lastError).toBe(sentence);
    }
  });

  test("a target that recovers comes back with its samples", async () => {
    await using exporter = await startExporter("500");
    await using rig = scrapeRig({ eager: false });
    await rig.manager.apply([scrapeJob("fault", [exporter.address])]);
    expect((await rig.next(10_000)).health).toBe("down");
    exporter.mode = "ok";
    expect((await rig.next(10_000)).health).toBe("up");
    exporter.mode = "garbage";
    expect((await rig.next(10_000)).health).toBe("down");
    const [values] = Object.values(await dumpStore(rig.store, "fault_up"));
    expect(values?.map(([, v]) => v)).toEqual([1, "stale"]);
  });
});
