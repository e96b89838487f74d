/** A page of metrics that somebody pushes: the parser of scraped pages in front of the store. */
import { UserError } from "../base/errors.ts";
import { formatOf } from "../exposition/negotiate.ts";
import { parsePage } from "../exposition/parse.ts";
import type { PageSeries } from "../exposition/page.ts";
import { lengthTrouble } from "../model/label-length.ts";
import { NO_REF, type Timestamp } from "../model/sample.ts";
import type { Appendable, AppendResult } from "../storage/storage.ts";

/**
 * Samples without a time of their own are of `now`.
 *
 * @throws UserError `bad-exposition`, of which nothing is stored.
 */
export async function takePage(
  store: Appendable,
  page: Uint8Array,
  type: string | undefined,
  now: Timestamp,
): Promise<AppendResult> {
  const { count, series, values, timestamps, metadata } = parsePage(page, formatOf(type));
  for (const { labels } of series) {
    const tooLong = lengthTrouble(labels);
    if (tooLong !== undefined) throw new UserError("bad-exposition", tooLong);
  }
  const appender = store.appender();
  let limited = 0;
  for (let i = 0; i < count; i++) {
    const ref = appender.series((series[i] as PageSeries).labels);
    if (ref === NO_REF) {
      limited++;
      continue;
    }
    const own = timestamps?.[i] ?? Number.NaN;
    appender.append(ref, Number.isNaN(own) ? now : own, values[i] as number);
  }
  for (const [family, described] of metadata()) appender.describe(family, described);
  const result = await appender.commit();
  return { ...result, limited: Math.max(result.limited, limited) };
}
