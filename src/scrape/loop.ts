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
import type { HttpAnswer, HttpClient } from "./client.ts";
import type { SampleSink, WriteSummary } from "./sink.ts";
import type { ScrapeTargetStatus } from "./status.ts";
import type { Target } from "./target.ts";
import { STATUS_CODES } from "node:http";
import { UserError } from "../base/errors.ts";
import { escapeControl } from "../base/log.ts";
import { ACCEPT, formatOf, isProtobuf } from "../exposition/negotiate.ts";
import { createPageParser } from "../exposition/parse.ts";
import { BODY_BYTES_MAX } from "./body.ts";
import { causeSentence } from "./cause.ts";
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
  readonly onScrape: (status: ScrapeTargetStatus) => void;
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
  readonly #headers: Readonly<Record<string, string>>;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  readonly #abort: AbortController = new AbortController();
  #stopped = false;
  #status: ScrapeTargetStatus;
  #lastAt: Timestamp = 0;
  /** Of the last page that was parsed. */
  #contentType: string | undefined;
  #format: PageFormat = "text";

  constructor(options: LoopOptions) {
    const { target, job } = options;
    this.target = target;
    this.refusal = options.refusal;
    this.#options = options;
    const compressed = job.enableCompression && !LOOPBACK.test(target.place);
    this.#headers = {
      accept: ACCEPT,
      "accept-encoding": compressed ? "gzip" : "identity",
      "user-agent": options.userAgent,
      "x-prometheus-scrape-timeout-seconds": String(target.timeoutMs / 1_000),
    };
    const { job: jobName, url, labels, discovered, intervalMs, timeoutMs } = target;
    const before = options.before ?? NEVER_SCRAPED;
    this.#status = { ...before, job: jobName, url, labels, discovered, intervalMs, timeoutMs };
  }

  status(): ScrapeTargetStatus {
    return this.#status;
  }

  sink(): SampleSink {
    return this.#options.sink;
  }

  start(): void {
    this.#wait(this.#options.firstAfterMs ?? untilNextTick(this.#options.clock.now(), this.target));
  }

  async stop(gone: boolean): Promise<void> {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
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
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#running = this.#scrape().finally(() => {
        this.#running = undefined;
        this.#wait(untilTickAfter(this.#options.clock.now(), this.#lastAt, this.target));
      });
    });
  }

  /** Never rejects. */
  async #scrape(): Promise<void> {
    const { clock, onScrape, log, sink } = this.#options;
    const begun = clock.monotonic();
    const at = alignTimestamp(clock.now(), this.target);
    const durationMs = (): number => clock.monotonic() - begun;
    this.#lastAt = at;
    let answered = false;
    try {
      const answer = await this.#fetch(this.#abort.signal);
      answered = true;
      const turn = createTurn(clock);
      const page = await this.#parse(answer, turn);
      const written = await sink.write(page, { at, now: clock.now(), durationMs, turn });
      this.#succeed(at, durationMs(), page.count, written);
    } catch (error) {
      if (this.#stopped) return;
      const samples = answered ? this.#parser.seen : 0;
      await this.#fail(at, durationMs(), samples, causeSentence(error, this.target.place));
    }
    try {
      onScrape(this.#status);
    } catch (error) {
      log.error("a listener of scrapes failed", { cause: causeSentence(error, "") });
    }
  }

  /** Once it is parsed nobody looks at the page's bytes. */
  async #parse({ page, contentType }: HttpAnswer, turn: Turn): Promise<ParsedPage> {
    try {
      return await this.#parser.parseInTurns(page.bytes, this.#formatOf(contentType), turn);
    } finally {
      page.release();
    }
  }

  /** A target's type is the same each time, and read once. */
  #formatOf(contentType: string | undefined): PageFormat {
    if (contentType !== this.#contentType) {
      this.#contentType = contentType;
      this.#format = formatOf(contentType);
    }
    return this.#format;
  }

  async #fetch(signal: AbortSignal): Promise<HttpAnswer> {
    const { job, client, refusal } = this.#options;
    if (refusal !== undefined) throw new UserError("target-limit", refusal);
    const answer = await client.get({
      url: this.target.url,
      headers: this.#headers,
      timeoutMs: this.target.timeoutMs,
      bodyBytesMax: job.bodySizeLimitBytes > 0 ? job.bodySizeLimitBytes : BODY_BYTES_MAX,
      signal,
    });
    if (answer.status !== 200) {
      const text = `${answer.status} ${STATUS_CODES[answer.status] ?? ""}`.trim();
      throw new UserError("http-status", `server answered ${text}`);
    }
    if (answer.contentType !== this.#contentType && isProtobuf(answer.contentType))
      throw new UserError("bad-exposition", "the page is protobuf, not text");
    return answer;
  }

  #succeed(at: Timestamp, lastDurationMs: number, samples: number, written: WriteSummary): void {
    const { log } = this.#options;
    const warnings = warningsOf(written);
    const { quarantine } = written;
    if (quarantine !== undefined && this.#status.quarantine === undefined) {
      log.warn("new series of a target are quarantined", {
        url: this.target.url,
        metric: quarantine.metric,
        label: quarantine.label,
        series: quarantine.series,
      });
    }
    this.#status = {
      ...this.#status,
      health: "up",
      lastError: "",
      lastScrapeAt: at,
      lastDurationMs,
      samples,
      warnings,
      quarantine,
    };
  }

  async #fail(at: Timestamp, lastDurationMs: number, samples: number, lastError: string): Promise<void> {
    const { log, sink } = this.#options;
    if (this.#status.health !== "down") log.info("a target is down", { url: this.target.url, cause: lastError });
    this.#status = {
      ...this.#status,
      health: "down",
      lastError,
      lastScrapeAt: at,
      lastDurationMs,
      samples,
      warnings: [],
      quarantine: undefined,
    };
    try {
      await sink.fail(at, samples, lastDurationMs);
    } catch (error) {
      log.warn("the failed scrape was not stored", { url: this.target.url, cause: causeSentence(error, "") });
    }
  }
}

const WARNING_LENGTH_MAX = 300;

function warningsOf(written: WriteSummary): readonly string[] {
  const { quarantine, duplicates, outOfBounds, limited, unsaved } = written;
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
  if (duplicates > 0)
    out.push(
      `${counted(duplicates, "sample appears", "samples appear")} twice on the page; the first of each was kept`,
    );
  if (outOfBounds > 0)
    out.push(`${counted(outOfBounds, "sample")} left out: their own time is too far ahead or too old`);
  // Names come from the page.
  return out.map((text) => escapeControl(text).slice(0, WARNING_LENGTH_MAX));
}
