/**
 * From the labels a page shows to the labels that are stored: target labels, `honor_labels`, `metric_relabel_configs`
 * and label limits. Runs once for each new series of a target, not for each sample.
 */
import type { PageSeries } from "../exposition/page.ts";
import { keepAll, type Relabeler } from "../model/relabel.ts";
import { UserError } from "../base/errors.ts";
import { Labels, quoteLabelValue } from "../model/labels.ts";

export interface MutateRules {
  readonly target: Labels;
  readonly honorLabels: boolean;
  readonly relabel: Relabeler;
  /** 0 = no limit. */
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
}

/** Longest piece of a label value that a message quotes. */
const QUOTED_MAX = 60;

/**
 * @returns undefined when relabelling drops the series.
 * @throws UserError `label-limit`, `no-metric-name`.
 */
export function mutateLabels(series: PageSeries, rules: MutateRules): Labels | undefined {
  const merged = rules.honorLabels ? honoured(series, rules.target) : renamed(series.labels, rules.target);
  const labels = rules.relabel(merged);
  if (labels === undefined) return undefined;
  if (labels.metric === "") {
    throw new UserError("no-metric-name", `metric_relabel_configs leave ${merged.toString()} without a name`);
  }
  checkLimits(labels, rules);
  return labels;
}

/** Whether every series is kept under all labels that it shows: nothing needs to be read of one that finds no room. */
export function keepsAll({ relabel, labelLimit, labelNameLengthLimit, labelValueLengthLimit }: MutateRules): boolean {
  return relabel === keepAll && labelLimit === 0 && labelNameLengthLimit === 0 && labelValueLengthLimit === 0;
}

/** The page's labels win; a label the page shows as empty takes the target's away. */
function honoured(series: PageSeries, target: Labels): Labels {
  const merged = new Map<string, string>(series.labels);
  for (const [name, value] of target) {
    if (!merged.has(name) && !series.blank.includes(name)) merged.set(name, value);
  }
  return Labels.from(merged);
}

/** The target's labels win; the page's move to `exported_<name>`, again and again until the name is free. */
function renamed(labels: Labels, target: Labels): Labels {
  const apart = labels.joined(target);
  if (apart !== undefined) return apart;
  const merged = new Map<string, string>(labels);
  const moved: (readonly [string, string])[] = [];
  for (const [name, value] of target) {
    const shown = merged.get(name);
    if (shown !== undefined) moved.push([name, shown]);
    merged.set(name, value);
  }
  moved.sort((a, b) => a[0].length - b[0].length);
  for (const [name, value] of moved) {
    let free = `exported_${name}`;
    while (merged.has(free)) free = `exported_${free}`;
    merged.set(free, value);
  }
  return Labels.from(merged);
}

function checkLimits(labels: Labels, rules: MutateRules): void {
  const { labelLimit, labelNameLengthLimit: nameMax, labelValueLengthLimit: valueMax } = rules;
  if (labelLimit > 0 && labels.size > labelLimit) {
    throw new UserError(
      "label-limit",
      `a series of "${labels.metric}" has ${labels.size} labels, label_limit is ${labelLimit}`,
    );
  }
  if (nameMax === 0 && valueMax === 0) return;
  for (const [name, value] of labels) {
    const shown = quoteLabelValue(name.slice(0, QUOTED_MAX));
    if (nameMax > 0 && Buffer.byteLength(name) > nameMax) {
      throw new UserError("label-limit", `the label name ${shown} is longer than label_name_length_limit ${nameMax}`);
    }
    if (valueMax > 0 && Buffer.byteLength(value) > valueMax) {
      const size = Buffer.byteLength(value);
      throw new UserError(
        "label-limit",
        `the value of label ${shown} of "${labels.metric}" has ${size} bytes, label_value_length_limit is ${valueMax}`,
      );
    }
  }
}
