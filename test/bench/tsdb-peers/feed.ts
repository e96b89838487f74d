/** Samples into a program by remote write, in the order in which time passes, as an agent would send them. */
import type { Labels } from "../../../src/model/labels.ts";
import { encodeWriteRequest } from "../../../src/remote/write.ts";
import type { Program } from "./programs.ts";

/** Samples in one request. */
const REQUEST_SAMPLES = 10_000;

export interface Feed {
  readonly labels: readonly Labels[];
  readonly times: Float64Array;
  /** Value of series i at times[row]. */
  readonly value: (series: number, row: number) => number;
}

export async function post(url: string, body: Uint8Array): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/x-protobuf",
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "0.1.0",
    },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
}

/**
 * Rows of all series, some rows in a request, the same bytes to every program; the next request is made while they
 * work on the one before. @returns samples sent to each.
 */
export async function feed(programs: readonly Program[], { labels, times, value }: Feed): Promise<number> {
  const rows = Math.max(1, Math.min(30, Math.floor(REQUEST_SAMPLES / Math.min(labels.length, 1_000))));
  const width = Math.max(1, Math.floor(REQUEST_SAMPLES / rows));
  let taken: Promise<unknown> = Promise.resolve();
  for (let row = 0; row < times.length; row += rows) {
    const t = times.slice(row, row + rows);
    for (let first = 0; first < labels.length; first += width) {
      const series = labels.slice(first, first + width).map((one, i) => ({
        labels: one,
        t,
        v: Float64Array.from(t, (_, k) => value(first + i, row + k)),
        stale: undefined,
      }));
      const body = encodeWriteRequest(series);
      await taken;
      taken = Promise.all(programs.map((program) => post(`${program.url}/api/v1/write`, body)));
    }
  }
  await taken;
  return labels.length * times.length;
}
