/** One alert as rules make it, notify routes it and screens show it. */
import type { Labels } from "./labels.ts";
import type { Timestamp } from "./sample.ts";

/**
 * `nodata` and `error` are states of their own: an alert whose rule could not be evaluated, or whose
 * source went silent, is never read as resolved.
 */
export type AlertState = "inactive" | "pending" | "firing" | "nodata" | "error";

/** Why nobody is told of an alert that fires. */
export interface Suppression {
  readonly by: "silence" | "ack" | "inhibition";
  /** Who silenced or acknowledged; the name of the alert that inhibits. */
  readonly who: string;
  readonly until: Timestamp | undefined;
  readonly comment: string;
}

const SUPPRESSED_WORD: Readonly<Record<Suppression["by"], string>> = {
  silence: "silenced",
  ack: "acked",
  inhibition: "inhibited",
};

/** `acked`, `silenced`, `inhibited`. */
export function suppressedWord({ by }: Suppression): string {
  return SUPPRESSED_WORD[by];
}

/** `acked by kim`. */
export function suppressionText(suppression: Suppression): string {
  return `${suppressedWord(suppression)} by ${suppression.who}`;
}

export interface Alert {
  /** With `alertname`; the identity of the alert. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: AlertState;
  /** Value of the expression at the last evaluation that returned this element. */
  readonly value: number;
  /** When the expression first returned this element. */
  readonly activeAt: Timestamp;
  readonly firedAt: Timestamp | undefined;
  readonly resolvedAt: Timestamp | undefined;
  /** From before a restart and not evaluated since: value and annotations are as of then. */
  readonly restored?: true;
  /** Last evaluation that touched it. */
  readonly lastEvalAt: Timestamp;
  readonly rule: { readonly group: string; readonly file: string; readonly name: string; readonly expr: string };
  /** Where to look; filled as Prometheus fills `generatorURL`. */
  readonly generatorUrl: string;
  /** Filled where the notifier is known: live, by an engine. */
  readonly suppressed?: Suppression;
}
