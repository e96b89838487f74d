/** Completions for the line being edited: views and commands for the palette; metrics, labels and functions for PromQL. */
import { wordAt } from "./edit.ts";
import { PALETTE_WORDS } from "./palette.ts";
import type { UiState } from "./state.ts";

/** Offered at most; more cannot be chosen from. */
const OFFERED_MAX = 50;
/** PromQL functions and aggregations worth offering, the frequent ones first. */
const PROMQL_WORDS: readonly string[] = (
  "rate increase irate sum avg min max count topk bottomk quantile histogram_quantile by without " +
  "sum_over_time avg_over_time min_over_time max_over_time count_over_time last_over_time quantile_over_time " +
  "stddev_over_time present_over_time absent_over_time absent changes resets delta idelta deriv predict_linear " +
  "label_replace label_join time timestamp vector scalar sort sort_desc clamp clamp_min clamp_max abs ceil floor round " +
  "ln log2 log10 exp sqrt sgn day_of_week hour minute month year offset bool on ignoring group_left group_right and or unless"
).split(" ");

export interface Vocabulary {
  readonly metrics: ReadonlySet<string> | undefined;
  readonly labels: readonly string[];
}

export function completionsFor(state: UiState, { metrics, labels }: Vocabulary): readonly string[] {
  if (state.mode === "palette") {
    const { start, word } = wordAt(state.input);
    // Only the first word is one of ours; `explore` is followed by an expression.
    if (start === 0) return matching(word, PALETTE_WORDS);
    return /^\s*(?:explore|query|promql)\s/.test(state.input.text) ? promqlWords(word, false, metrics, labels) : [];
  }
  if (state.mode !== "explore") return [];
  const { start, word } = wordAt(state.input);
  return word === "" ? [] : promqlWords(word, insideLabels(state.input.text.slice(0, start)), metrics, labels);
}

function promqlWords(
  word: string,
  inLabels: boolean,
  metrics: ReadonlySet<string> | undefined,
  labels: readonly string[],
): readonly string[] {
  return inLabels ? matching(word, labels) : matching(word, [...(metrics ?? []), ...PROMQL_WORDS]);
}

/** True where a label name is expected: inside braces, or in the list after by, without, on, ignoring. */
function insideLabels(before: string): boolean {
  if (before.lastIndexOf("{") > before.lastIndexOf("}")) return !/=~?\s*"?$/.test(before);
  return /\b(?:by|without|on|ignoring)\s*\([^)]*$/.test(before);
}

/** Beginnings first, then those that hold the word anywhere; the word itself is no completion. */
function matching(word: string, words: readonly string[]): readonly string[] {
  const wanted = word.toLowerCase();
  const starts = words.filter((candidate) => candidate.toLowerCase().startsWith(wanted) && candidate !== word);
  const holds = wanted.length < 2 ? [] : words.filter((candidate) => candidate.toLowerCase().indexOf(wanted) > 0);
  return [...new Set([...starts, ...holds])].slice(0, OFFERED_MAX);
}
