/**
 * Remote read as a Queryable: selectors go out as read requests, raw samples come back. The protocol has no question
 * for labels alone, so label names and values are read off the series unless the caller knows a cheaper way. An answer
 * that is too large is asked for again in halves of its time.
 */
import { UserError } from "../base/errors.ts";
import { compareUtf8, type Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SampleColumn, Timestamp } from "../model/sample.ts";
import type { Querier, Queryable, Series, SeriesSet } from "../storage/storage.ts";
import type { ReadQuery, RemoteSeries } from "./message.ts";
import { decodeReadResponse, encodeReadRequest } from "./read.ts";

/** Answers that may be cut further are at least this long, ms: one scrape of a page too large is told as it is. */
const HALVED_MS_MIN = 60_000;
const TOO_LARGE: ReadonlySet<string> = new Set(["body-limit", "answer-too-large", "bad-snappy"]);

export interface RemoteReadOptions {
  /** Sends a compressed read request; @returns the compressed answer. */
  readonly read: (request: Uint8Array) => Promise<Uint8Array>;
  readonly labelNames?: (matchers: readonly Matcher[]) => Promise<readonly string[]>;
  readonly labelValues?: (name: string, matchers: readonly Matcher[]) => Promise<readonly string[]>;
}

type Parts = Map<string, { readonly labels: Labels; readonly parts: RemoteSeries[] }>;

class RemoteQuerier implements Querier {
  readonly #options: RemoteReadOptions;
  readonly #minT: Timestamp;
  readonly #maxT: Timestamp;

  constructor(options: RemoteReadOptions, minT: Timestamp, maxT: Timestamp) {
    this.#options = options;
    this.#minT = minT;
    this.#maxT = maxT;
  }

  async #read(query: ReadQuery, found: Parts): Promise<void> {
    try {
      const { results } = decodeReadResponse(await this.#options.read(encodeReadRequest({ queries: [query] })));
      for (const series of results.flat()) {
        const known = found.get(series.labels.key);
        if (known === undefined) found.set(series.labels.key, { labels: series.labels, parts: [series] });
        else known.parts.push(series);
      }
    } catch (error) {
      const { start, end } = query;
      if (!(error instanceof UserError) || !TOO_LARGE.has(error.code) || end - start < HALVED_MS_MIN) throw error;
      const middle = Math.floor((start + end) / 2);
      await this.#read({ ...query, end: middle }, found);
      await this.#read({ ...query, start: middle + 1 }, found);
    }
  }

  async select(matchers: readonly Matcher[], hints: Parameters<Querier["select"]>[1]): Promise<SeriesSet> {
    const start = Math.max(this.#minT, hints.start);
    const end = Math.min(this.#maxT, hints.end);
    const { stepMs, rangeMs, func } = hints;
    const found: Parts = new Map();
    if (start <= end) await this.#read({ start, end, matchers, stepMs, rangeMs, func }, found);
    const series = [...found.values()].map(
      ({ labels, parts }): Series => ({ labels, samples: () => within(joined(parts), start, end) }),
    );
    return { series, sorted: false, resolutionMs: 0, warnings: [] };
  }

  async #labels(matchers: readonly Matcher[]): Promise<readonly Labels[]> {
    const hints = { start: this.#minT, end: this.#maxT, stepMs: 0, rangeMs: 0, func: "series" };
    const { series } = await this.select(matchers, hints);
    return series.map((one) => one.labels);
  }

  async labelNames(matchers: readonly Matcher[]): Promise<readonly string[]> {
    if (this.#options.labelNames !== undefined) return this.#options.labelNames(matchers);
    const names = (await this.#labels(matchers)).flatMap((labels) => [...labels].map(([name]) => name));
    return [...new Set(names)].sort(compareUtf8);
  }

  async labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]> {
    if (this.#options.labelValues !== undefined) return this.#options.labelValues(name, matchers);
    const values = (await this.#labels(matchers)).map((labels) => labels.get(name) ?? "");
    return [...new Set(values)].filter((value) => value !== "").sort(compareUtf8);
  }

  [Symbol.dispose](): void {
    // Answers are ordinary arrays; nothing is held open.
  }
}

function joined(parts: readonly RemoteSeries[]): RemoteSeries {
  const [first] = parts as readonly [RemoteSeries];
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, { t }) => sum + t.length, 0);
  const t = new Float64Array(length);
  const v = new Float64Array(length);
  const stale = parts.some((part) => part.stale !== undefined) ? new Uint8Array(length) : undefined;
  let at = 0;
  for (const part of parts) {
    t.set(part.t, at);
    v.set(part.v, at);
    if (part.stale !== undefined) stale?.set(part.stale, at);
    at += part.t.length;
  }
  return { labels: first.labels, t, v, stale };
}

/** Servers may send more than was asked for. */
function within({ t, v, stale }: RemoteSeries, start: Timestamp, end: Timestamp): SampleColumn {
  let from = 0;
  let to = t.length;
  while (from < to && (t[from] as number) < start) from++;
  while (to > from && (t[to - 1] as number) > end) to--;
  return { t, v, from, to, stale };
}

export function remoteQueryable(options: RemoteReadOptions): Queryable {
  return { querier: (minT, maxT) => new RemoteQuerier(options, minT, maxT) };
}
