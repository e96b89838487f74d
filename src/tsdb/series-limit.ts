/**
 * Whether a store of so many series takes another one: what it says of itself has room of its own. And how much of a
 * description is kept.
 */
import { lengthTrouble } from "../model/label-length.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";

/** A full store still takes the series that say so, and those that tell whether a target is up and what fires. */
const OWN_METRIC = /^(?:opsmon_|scrape_|up$|ALERTS$|ALERTS_FOR_STATE$)/;
/** Room for them beyond the limit: five series a target for two thousand targets. */
const OWN_SERIES_RESERVE = 10_000;

/** A help text is for a person; longer ones are cut, and say so. */
const HELP_LENGTH_MAX = 16 * 1024;

/** Who asks has told already when labels are too long: here nothing of the kind comes into memory by another door. */
export function hasRoom(size: number, max: number, labels: Labels): boolean {
  const counted = size < max || (size < max + OWN_SERIES_RESERVE && OWN_METRIC.test(labels.metric));
  return counted && lengthTrouble(labels) === undefined;
}

/** @returns undefined for a family whose name no series may have. */
export function boundedMetadata(family: string, metadata: Metadata): Metadata | undefined {
  if (lengthTrouble(Labels.fromSorted([METRIC_NAME, family])) !== undefined) return undefined;
  const { help, unit } = metadata;
  if (help.length <= HELP_LENGTH_MAX && unit.length <= HELP_LENGTH_MAX) return metadata;
  const cut = (text: string): string =>
    text.length > HELP_LENGTH_MAX ? `${text.slice(0, HELP_LENGTH_MAX - 1)}…` : text;
  return { ...metadata, help: cut(help), unit: cut(unit) };
}
