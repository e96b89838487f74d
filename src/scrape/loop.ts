/**
 * The life of one target: wait for the tick, fetch, parse, store, remember how it went. One loop knows nothing of
 * the others, so a target that hangs, floods or breaks costs nobody else anything.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { PageFormat, PageParser, ParsedPage } from "../exposition/parse.ts";
import { counted } from "../model/count.ts";
import type { ScrapeJob } from "../model/job.ts";
import type { Timestamp } from "../model/sample.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "./client.ts";
import type { SampleSink, WriteSummary } from "./sink.ts";
import type { Quarantine, ScrapeTargetStatus } from "./status.ts";
import type { Target } from "./target.ts";
import { STATUS_CODES } from "node:http";
import { UserError } from "../base/errors.ts";
import { formatDuration } from "../model/duration.ts";
import { escapeControl } from "../base/log.ts";
import { ACCEPT, formatOf, isProtobuf } from "../exposition/negotiate.ts";
import { createPageParser } from "../exposition/parse.ts";
import { Alarm, type Alarms, alarmsOf } from "./alarms.ts";
import { BODY_BYTES_MAX } from "./body.ts";
import { causeSentence } from "./cause.ts";
import type { PageBytes } from "./page-buffers.ts";
import { createTurn, type Turn } from "./turns.ts";
import { alignTimestamp, untilNextTick, untilTickAfter } from "./schedule.ts";

export interface LoopOptions {
  readonly target: Target;
  readonly job: ScrapeJob;
  readonly client: HttpClient;
  readonly sink: SampleSink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly userAgent: string;
  /** First scrape after this; undefined waits for the target's own tick. */
  readonly firstAfterMs: number | undefined;
  /** Why the target is not scraped at all, e.g. its job is over `target_limit`: every scrape fails with this. */
  readonly refusal: string | undefined;
  /** Status of the loop whose place this one takes. */
  readonly before: ScrapeTargetStatus | undefined;
  readonly onScrape: ((status: ScrapeTargetStatus) => void) | undefined;
}

export interface ScrapeLoop {
  readonly target: Target;
  readonly refusal: string | undefined;
  start(): void;
  status(): ScrapeTargetStatus;
  /** For the loop that takes this one's place. */
  sink(): SampleSink;
  /** Stops, waits for a scrape in flight to end, and with `gone` writes the target's last stale markers. */
  stop(gone: boolean): Promise<void>;
}

/** Loopback answers are read as they are: inflating costs more than the wire there. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/;

const NEVER_SCRAPED = {
  health: "unknown",
  lastError: "",
  lastScrapeAt: 0,
  lastDurationMs: 0,
  samples: 0,
  warnings: [],
  quarantine: undefined,
} as const;

export function createScrapeLoop(options: LoopOptions): ScrapeLoop {
  return new Loop(options);
}

class Loop implements ScrapeLoop {
  readonly target: Target;
  readonly refusal: string | undefined;
  readonly #options: LoopOptions;
  readonly #parser: PageParser = createPageParser();
  readonly #alarms: Alarms;
  readonly #tick: Alarm = new Alarm(() => {
    this.#running = this.#scrape();
  });
  readonly #request: HttpRequest;
  readonly #own: Pick<ScrapeTargetStatus, "job" | "url" | "labels" | "discovered" | "intervalMs" | "timeoutMs">;
  #running: Promise<void> | undefined;
  readonly #abort: AbortController = new AbortController();
  #stopped = false;
  /** How the last scrape went, put together only when somebody asks. */
  #health: ScrapeTargetStatus["health"];
  #lastError: string;
  #lastScrapeAt: Timestamp;
  #lastDurationMs: number;
  #samples: number;
  #warnings: readonly string[];
  #quarantine: Quarantine | undefined;
  /** What the last warnings are of. */
  #written: WriteSummary | undefined;
  #lastAt: Timestamp = 0;
  /** Of the scrape at hand. */
  #begun = 0;
  #turn: Turn | undefined;
  readonly #durationMs = (): number => this.#options.clock.monotonic() - this.#begun;
  readonly #inTurns: Turn = () => (this.#turn ??= createTurn(this.#options.clock))();
  /** Fetching, reading and laying out a page share the scrape's time. */
  readonly #inTime = (): void => {
    if (this.#durationMs() <= this.target.timeoutMs) return;
    const within = formatDuration(this.target.timeoutMs);
    throw new UserError(
      "scrape-timeout",
      `the page was not read within ${within} (${this.#parser.seen} samples so far)`,
    );
  };
  readonly #inTimeAndTurns: Turn = () => {
    this.#inTime();
    return this.#inTurns();
  };
  /** Of the last page that was parsed. */
  #contentType: string | undefined;
  #format: PageFormat = "text";

  constructor(options: LoopOptions) {
    const { target, job, clock } = options;
    this.target = target;
    this.refusal = options.refusal;
    this.#options = options;
    this.#alarms = alarmsOf(clock);
    const compressed = job.enableCompression && !LOOPBACK.test(target.place);
    this.#request = {
      url: target.url,
      headers: {
        accept: ACCEPT,
        "accept-encoding": compressed ? "gzip" : "identity",
        "user-agent": options.userAgent,
        "x-prometheus-scrape-timeout-seconds": String(target.timeoutMs / 1_000),
      },
      timeoutMs: target.timeoutMs,
      bodyBytesMax: job.bodySizeLimitBytes > 0 ? job.bodySizeLimitBytes : BODY_BYTES_MAX,
      signal: this.#abort.signal,
      borrows: true,
    };
    const { job: jobName, url, labels, discovered, intervalMs, timeoutMs } = target;
    this.#own = { job: jobName, url, labels, discovered, intervalMs, timeoutMs };
    const before = options.before ?? NEVER_SCRAPED;
    this.#health = before.health;
    this.#lastError = before.lastError;
    this.#lastScrapeAt = before.lastScrapeAt;
    this.#lastDurationMs = before.lastDurationMs;
    this.#samples = before.samples;
    this.#warnings = before.warnings;
    this.#quarantine = before.quarantine;
  }

  status(): ScrapeTargetStatus {
    return {
      ...this.#own,
      health: this.#health,
      lastError: this.#lastError,
      lastScrapeAt: this.#lastScrapeAt,
      lastDurationMs: this.#lastDurationMs,
      samples: this.#samples,
      warnings: this.#warnings,
      quarantine: this.#quarantine,
    };
  }

  sink(): SampleSink {
    return this.#options.sink;
  }

  start(): void {
    this.#wait(this.#options.firstAfterMs ?? untilNextTick(this.#options.clock.now(), this.target));
  }

  async stop(gone: boolean): Promise<void> {
    this.#stopped = true;
    this.#alarms.clear(this.#tick);
    this.#abort.abort(new UserError("scrape-stopped", "the target was removed during the scrape"));
    await this.#running;
    if (!gone) return;
    try {
      await this.#options.sink.end(Math.max(this.#options.clock.now(), this.#lastAt + 1));
    } catch (error) {
      this.#options.log.warn("stale markers of a removed target were not stored", { cause: causeSentence(error, "") });
    }
  }

  #wait(delayMs: number): void {
    if (!this.#stopped) this.#alarms.set(this.#tick, delayMs);
  }

  /**
   * Never rejects. It waits for the answer; for the rest only when the page is another one than before or the store has
   * to catch up: a wait that is none costs as much as storing thirty samples.
   */
  async #scrape(): Promise<void> {
    const { clock, sink } = this.#options;
    this.#begun = clock.monotonic();
    this.#turn = undefined;
    const at = alignTimestamp(clock.now(), this.target);
    this.#lastAt = at;
    let answered = false;
    try {
      const answer = await this.#fetch();
      if (answer.status !== 200) throw new UserError("http-status", `server answered ${statusText(answer.status)}`);
      const format = this.#formatOf(answer.contentType);
      answered = true;
      const parsed = this.#parse(answer.page, format);
      const page = parsed instanceof Promise ? await parsed : parsed;
      const writing = sink.write(page, {
        at,
        now: clock.now(),
        durationMs: this.#durationMs,
        turn: this.#inTurns,
        inTime: this.#inTime,
      });
      const written = writing instanceof Promise ? await writing : writing;
      this.#succeed(at, this.#durationMs(), page.count, written);
    } catch (error) {
      if (!this.#stopped) {
        const samples = answered ? this.#parser.seen : 0;
        await this.#fail(at, this.#durationMs(), samples, causeSentence(error, this.target.place));
      }
    }
    this.#running = undefined;
    if (this.#stopped) return;
    this.#tell();
    this.#wait(untilTickAfter(clock.now(), this.#lastAt, this.target));
  }

  #tell(): void {
    const { onScrape, log } = this.#options;
    if (onScrape === undefined) return;
    try {
      onScrape(this.status());
    } catch (error) {
      log.error("a listener of scrapes failed", { cause: causeSentence(error, "") });
    }
  }

  /** Once it is parsed nobody looks at the page's bytes, which are borrowed until the first wait. */
  #parse(page: PageBytes, format: PageFormat): ParsedPage | Promise<ParsedPage> {
    const again = this.#parser.again(page.bytes, format);
    if (again === undefined) return this.#parseAnew(page.keep(), format);
    page.release();
    return again;
  }

  async #parseAnew(page: PageBytes, format: PageFormat): Promise<ParsedPage> {
    try {
      return await this.#parser.parseInTurns(page.bytes, format, this.#inTimeAndTurns);
    } finally {
      page.release();
    }
  }

  /** A target's type is the same each time, and read once. */
  #formatOf(contentType: string | undefined): PageFormat {
    if (contentType !== this.#contentType) {
      if (isProtobuf(contentType)) throw new UserError("bad-exposition", "the page is protobuf, not text");
      this.#contentType = contentType;
      this.#format = formatOf(contentType);
    }
    return this.#format;
  }

  #fetch(): Promise<HttpAnswer> {
    const { client, refusal } = this.#options;
    if (refusal !== undefined) throw new UserError("target-limit", refusal);
    return client.get(this.#request);
  }

  #succeed(at: Timestamp, lastDurationMs: number, samples: number, written: WriteSummary): void {
    const { quarantine } = written;
    if (quarantine !== undefined && this.#quarantine === undefined) {
      this.#options.log.warn("new series of a target are quarantined", {
        url: this.target.url,
        metric: quarantine.metric,
        label: quarantine.label,
        series: quarantine.series,
      });
    }
    // The sink hands the same summary out again while nothing is new.
    if (written !== this.#written) this.#warnings = warningsOf(written);
    this.#written = written;
    this.#health = "up";
    this.#lastError = "";
    this.#lastScrapeAt = at;
    this.#lastDurationMs = lastDurationMs;
    this.#samples = samples;
    this.#quarantine = quarantine;
  }

  async #fail(at: Timestamp, lastDurationMs: number, samples: number, lastError: string): Promise<void> {
    const { log, sink } = this.#options;
    if (this.#health !== "down") log.info("a target is down", { url: this.target.url, cause: lastError });
    this.#health = "down";
    this.#lastError = lastError;
    this.#lastScrapeAt = at;
    this.#lastDurationMs = lastDurationMs;
    this.#samples = samples;
    this.#warnings = NEVER_SCRAPED.warnings;
    this.#written = undefined;
    this.#quarantine = undefined;
    try {
      await sink.fail(at, samples, lastDurationMs);
    } catch (error) {
      log.warn("the failed scrape was not stored", { url: this.target.url, cause: causeSentence(error, "") });
    }
  }
}

function statusText(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ""}`.trim();
}

const WARNING_LENGTH_MAX = 300;

function warningsOf(written: WriteSummary): readonly string[] {
  const { quarantine, duplicates, outOfBounds, limited, tooLong, unsaved } = written;
  const out: string[] = [];
  if (unsaved !== "") out.push(`not saved: ${unsaved}`);
  if (quarantine !== undefined) {
    const by = quarantine.label === "" ? "" : ` by its label "${quarantine.label}"`;
    const { of, limit } = quarantine;
    const why = of === "store" ? "the store is at its series limit" : `the ${of} has more than ${limit}`;
    out.push(`${quarantine.series} new series quarantined: ${why}; "${quarantine.metric}" grows most${by}`);
  }
  if (limited > 0 && quarantine?.of !== "store")
    out.push(`${limited} new series refused: the store is at its series limit`);
  if (tooLong !== undefined) out.push(`${counted(tooLong.series, "series", "series")} left out: ${tooLong.why}`);
  if (duplicates > 0)
    out.push(
      `${counted(duplicates, "sample appears", "samples appear")} twice on the page; the first of each was kept`,
    );
  if (outOfBounds > 0)
    out.push(`${counted(outOfBounds, "sample")} left out: their own time is too far ahead or too old`);
  // Names come from the page.
  return out.map((text) => escapeControl(text).slice(0, WARNING_LENGTH_MAX));
}
