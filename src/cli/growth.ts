/** Which metrics have more series than at an earlier time, in which job, and by which label they grow. */
import type { Source } from "../api/source.ts";
import { METRIC_NAME, quoteLabelValue } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";

const COUNT = 'count by (__name__, job) ({__name__=~".+"})';

export interface Growth {
  readonly metric: string;
  readonly job: string;
  readonly before: number;
  readonly now: number;
  /** The label with the most values; "" when one series is all there is. */
  readonly label: string;
  readonly values: number;
}

interface Counted {
  readonly metric: string;
  readonly job: string;
  readonly series: number;
}

async function counts(source: Source, at: Timestamp): Promise<ReadonlyMap<string, Counted>> {
  const { value } = await source.query(COUNT, at);
  const rows = value.kind === "vector" ? value.samples : [];
  return new Map(
    rows.map(({ labels, v }) => {
      const metric = labels.metric;
      const job = labels.get("job") ?? "";
      return [`${metric} ${job}`, { metric, job, series: v }];
    }),
  );
}

/** The label of these series with the most distinct values. */
async function widest(source: Source, { metric, job }: Counted, from: Timestamp, to: Timestamp) {
  const matchers = [`${METRIC_NAME}=${quoteLabelValue(metric)}`, `job=${quoteLabelValue(job)}`];
  const values = new Map<string, Set<string>>();
  for (const labels of await source.series([`{${matchers.join(",")}}`], from, to)) {
    for (const [name, value] of labels) {
      const seen = values.get(name);
      if (seen === undefined) values.set(name, new Set([value]));
      else seen.add(value);
    }
  }
  const [most] = [...values].sort((a, b) => b[1].size - a[1].size);
  return most === undefined || most[1].size < 2
    ? { label: "", values: most === undefined ? 0 : 1 }
    : { label: most[0], values: most[1].size };
}

/** The `limit` metrics that grew most between the two times, the largest growth first. */
export async function growthSince(
  source: Source,
  since: Timestamp,
  now: Timestamp,
  limit: number,
): Promise<readonly Growth[]> {
  const before = await counts(source, since);
  const grown = [...(await counts(source, now))]
    .map(([key, one]) => ({ ...one, before: before.get(key)?.series ?? 0 }))
    .filter((one) => one.series > one.before)
    .sort((a, b) => b.series - b.before - (a.series - a.before))
    .slice(0, limit);
  const rows: Growth[] = [];
  for (const one of grown) {
    const { metric, job, series } = one;
    rows.push({ metric, job, before: one.before, now: series, ...(await widest(source, one, since, now)) });
  }
  return rows;
}
