/**
 * How long labels may be. A series' labels are in memory for as long as it is, in the append log and in the database; a
 * page of megabytes in one label, new at each scrape, would fill all three. Far above what exporters show: Kubernetes'
 * annotations, the longest that are met as labels, end at 256 KiB together.
 */
import type { Labels } from "./labels.ts";

/** Labels of one series, its name among them. */
const LABELS_MAX = 1_000;
/** Characters. */
const NAME_LENGTH_MAX = 4 * 1024;
const VALUE_LENGTH_MAX = 128 * 1024;
const TOGETHER_LENGTH_MAX = 256 * 1024;
/** Longest piece of a name that a sentence quotes. */
const QUOTED_MAX = 60;

function cut(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text);
}

/** @returns why a series with these labels is not taken, in a sentence of bounded length; undefined when it is. */
export function lengthTrouble(labels: Labels): string | undefined {
  const { size } = labels;
  let together = 0;
  for (const [name, value] of labels) {
    together += name.length + value.length;
    if (name.length > NAME_LENGTH_MAX)
      return `a label of ${cut(labels.metric)} has a name of ${name.length} characters, ${NAME_LENGTH_MAX} is the most: ${cut(name)}`;
    if (name === "__name__" && value.length > NAME_LENGTH_MAX)
      return `a metric name has ${value.length} characters, ${NAME_LENGTH_MAX} is the most: ${cut(value)}`;
    if (value.length > VALUE_LENGTH_MAX)
      return `the label ${cut(name)} of ${cut(labels.metric)} has ${value.length} characters, ${VALUE_LENGTH_MAX} is the most`;
  }
  if (size > LABELS_MAX) return `a series of ${cut(labels.metric)} has ${size} labels, ${LABELS_MAX} is the most`;
  if (together > TOGETHER_LENGTH_MAX)
    return `the labels of a series of ${cut(labels.metric)} have ${together} characters, ${TOGETHER_LENGTH_MAX} is the most`;
  return undefined;
}
