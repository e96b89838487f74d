/** A page of metrics that somebody pushes: the parser of scraped pages in front of the store, in turns. */
import { UserError } from "../base/errors.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import { formatOf } from "../exposition/negotiate.ts";
import type { ParsedPage } from "../exposition/page.ts";
import { createPageParser } from "../exposition/parse.ts";
import { lengthTrouble } from "../model/label-length.ts";
import { NO_REF, type Timestamp } from "../model/sample.ts";
import type { Appendable, Appender, AppendResult } from "../storage/storage.ts";

/** Samples of one commit: some ten milliseconds. */
const COMMIT_SAMPLES = 8_192;

const turn = (): Promise<void> | undefined => (overdue() ? nextTurn() : undefined);

/** @throws UserError `bad-exposition`. */
async function checkLengths(page: ParsedPage): Promise<void> {
  for (const part of page.parts) {
    await turn();
    for (const { labels } of page.seriesOf(part)) {
      const tooLong = lengthTrouble(labels);
      if (tooLong !== undefined) throw new UserError("bad-exposition", tooLong);
    }
  }
}

async function describe(page: ParsedPage, appender: Appender): Promise<void> {
  const known = new Map<string, Parameters<Appender["describe"]>[1]>();
  for (const part of page.parts) {
    await turn();
    for (const { family, what } of page.describedOf(part))
      known.set(family, { type: "unknown", help: "", unit: "", ...known.get(family), ...what });
  }
  for (const [family, described] of known) appender.describe(family, described);
}

/**
 * Samples without a time of their own are of `now`.
 *
 * @throws UserError `bad-exposition`, of which nothing is stored.
 */
export async function takePage(
  store: Appendable,
  bytes: Uint8Array,
  type: string | undefined,
  now: Timestamp,
): Promise<AppendResult> {
  const page = await createPageParser().parseInTurns(bytes, formatOf(type), turn);
  await checkLengths(page);
  const appender = store.appender();
  const sum = { accepted: 0, duplicate: 0, outOfBounds: 0, limited: 0 };
  const commit = async (): Promise<void> => {
    const { accepted, duplicate, outOfBounds, limited } = await appender.commit();
    sum.accepted += accepted;
    sum.duplicate += duplicate;
    sum.outOfBounds += outOfBounds;
    sum.limited += limited;
  };
  let limited = 0;
  let i = 0;
  let pending = 0;
  for (const part of page.parts) {
    await turn();
    for (const { labels } of page.seriesOf(part)) {
      const own = page.timestamps?.[i] ?? Number.NaN;
      const ref = appender.series(labels);
      if (ref === NO_REF) limited++;
      else appender.append(ref, Number.isNaN(own) ? now : own, page.values[i] as number);
      i++;
    }
    pending += part.samples;
    if (pending < COMMIT_SAMPLES) continue;
    await commit();
    pending = 0;
  }
  await describe(page, appender);
  await commit();
  return { ...sum, limited: Math.max(sum.limited, limited) };
}
