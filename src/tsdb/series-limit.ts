/** Whether a store of so many series takes another one: what it says of itself has room of its own. */

/** A full store still takes the series that say so, and those that tell whether a target is up and what fires. */
const OWN_METRIC = /^(?:opsmon_|scrape_|up$|ALERTS$|ALERTS_FOR_STATE$)/;
/** Room for them beyond the limit: five series a target for two thousand targets. */
const OWN_SERIES_RESERVE = 10_000;

export function hasRoom(size: number, max: number, metric: string): boolean {
  return size < max || (size < max + OWN_SERIES_RESERVE && OWN_METRIC.test(metric));
}
