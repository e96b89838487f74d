/**
 * What follows from a list of label sets alone: names dropped, groups, the order of the answer. A store hands out the
 * very same list while the same series answer a selector, so all of this is computed when the series change and not
 * with every query; a list that nobody holds takes its memory along.
 */
import { sortedInTurns } from "../base/turns.ts";
import { compareUtf8, Labels, METRIC_NAME } from "../model/labels.ts";
import { dropMetadata, keepWithout } from "./projection.ts";

type LabelList = readonly Labels[];

/** Whoever computes something of a list for the first time gives others their turns meanwhile. */
interface Turns {
  due(work: number): boolean;
  pause(): Promise<void>;
}

/** A label set looked at costs about as much as so many samples. */
const WORK_PER_SET = 16;

/** Labels that go away with a metric's name. */
const OF_THE_METRIC: readonly string[] = [METRIC_NAME, "__type__", "__unit__"];
/** Different groupings of one list: what the panels of a board ask for. */
const GROUPINGS_MAX = 32;

function remembered<T>(make: (labels: LabelList) => T): (labels: LabelList) => T {
  const known = new WeakMap<LabelList, T>();
  return (labels) => {
    let value = known.get(labels);
    if (value === undefined) {
      value = make(labels);
      known.set(labels, value);
    }
    return value;
  };
}

/** Whether no two label sets are equal. */
export const areDistinct: (labels: LabelList) => boolean = remembered(
  (labels) => new Set(labels.map(({ key }) => key)).size === labels.length,
);

/** All without what describes the metric. */
export const withoutNames: (labels: LabelList) => LabelList = remembered((labels) => labels.map(dropMetadata));

/** Whether the label sets of distinct series stay distinct without their names: series of one metric do. */
export const distinctNameless: (labels: LabelList) => boolean = remembered((labels) => {
  const first = labels[0];
  if (first === undefined) return true;
  const alike = labels.every((one) => OF_THE_METRIC.every((name) => one.get(name) === first.get(name)));
  return alike || areDistinct(withoutNames(labels));
});

/** Rows as answers tell them; undefined when they stand in that order. */
interface Order {
  readonly rows: readonly number[] | undefined;
}

const orders = new WeakMap<LabelList, Order>();

/** Rows in the order of their labels. */
export async function answerOrder(labels: LabelList, turns: Turns): Promise<Order> {
  let order = orders.get(labels);
  if (order === undefined) orders.set(labels, (order = { rows: await orderOf(labels, turns) }));
  return order;
}

async function orderOf(labels: LabelList, turns: Turns): Promise<readonly number[] | undefined> {
  let sorted = true;
  for (let i = 1; sorted && i < labels.length; i++) {
    if (turns.due(WORK_PER_SET)) await turns.pause();
    sorted = (labels[i] as Labels).compare(labels[i - 1] as Labels) >= 0;
  }
  if (sorted) return undefined;
  const rows = Array.from(labels, (_, row) => row);
  // By UTF-8 bytes, name by name and value by value: keys are joined with a byte below all others.
  return sortedInTurns(rows, (a, b) => compareUtf8((labels[a] as Labels).key, (labels[b] as Labels).key) || a - b);
}

/** Rows by group. */
export interface Grouping {
  /** In order of first appearance. */
  readonly labels: LabelList;
  /** Group of each row. */
  readonly ids: Uint32Array;
  /** Rows of each group, ascending; made when they are asked for. */
  readonly rows: readonly Uint32Array[];
}

class Groups implements Grouping {
  readonly labels: LabelList;
  readonly ids: Uint32Array;
  #rows: readonly Uint32Array[] | undefined;

  constructor(labels: LabelList, ids: Uint32Array) {
    this.labels = labels;
    this.ids = ids;
  }

  get rows(): readonly Uint32Array[] {
    return (this.#rows ??= rowsOf(this.ids, this.labels.length));
  }
}

function rowsOf(ids: Uint32Array, groups: number): readonly Uint32Array[] {
  const sizes = new Uint32Array(groups);
  for (const id of ids) sizes[id] = (sizes[id] as number) + 1;
  const rows = Array.from(sizes, (size) => new Uint32Array(size));
  const next = new Uint32Array(groups);
  ids.forEach((id, row) => {
    const at = next[id] as number;
    (rows[id] as Uint32Array)[at] = row;
    next[id] = at + 1;
  });
  return rows;
}

const groupings = new WeakMap<LabelList, Map<string, Grouping>>();

/** @param nameless the rows' names have gone, though `labels` still shows them. */
export async function groupLabels(
  labels: LabelList,
  without: boolean,
  names: readonly string[],
  nameless: boolean,
  turns: Turns,
): Promise<Grouping> {
  let known = groupings.get(labels);
  if (known === undefined) groupings.set(labels, (known = new Map()));
  const key = JSON.stringify([without, nameless, names]);
  let grouping = known.get(key);
  if (grouping === undefined) {
    grouping = await (without ? groupWithout(labels, names, nameless, turns) : groupBy(labels, names, nameless, turns));
    if (known.size >= GROUPINGS_MAX) known.clear();
    known.set(key, grouping);
  }
  return grouping;
}

function groupBy(labels: LabelList, names: readonly string[], nameless: boolean, turns: Turns): Promise<Grouping> {
  const kept = [...new Set(nameless ? names.filter((name) => !OF_THE_METRIC.includes(name)) : names)];
  // One group of all: nobody's labels need be looked at.
  if (kept.length === 0)
    return Promise.resolve(new Groups(labels.length === 0 ? [] : [Labels.EMPTY], new Uint32Array(labels.length)));
  return collect(
    labels,
    (one) => {
      let key = "";
      for (const name of kept) key += `${one.get(name)}\u0000`;
      return key;
    },
    (one) => one.only(kept),
    turns,
  );
}

function groupWithout(labels: LabelList, names: readonly string[], nameless: boolean, turns: Turns): Promise<Grouping> {
  const project = keepWithout(nameless ? [...names, ...OF_THE_METRIC] : names);
  return collect(labels, (one) => project(one).key, project, turns);
}

async function collect(
  labels: LabelList,
  keyOf: (labels: Labels) => string,
  project: (labels: Labels) => Labels,
  turns: Turns,
): Promise<Grouping> {
  const byKey = new Map<string, number>();
  const groups: Labels[] = [];
  const ids = new Uint32Array(labels.length);
  for (let row = 0; row < labels.length; row++) {
    if (turns.due(WORK_PER_SET)) await turns.pause();
    const one = labels[row] as Labels;
    const key = keyOf(one);
    let id = byKey.get(key);
    if (id === undefined) {
      byKey.set(key, (id = groups.length));
      groups.push(project(one));
    }
    ids[row] = id;
  }
  return new Groups(groups, ids);
}
