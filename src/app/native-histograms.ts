/**
 * Native histograms are not stored. What was sent is counted and remembered by name, so that `opsmon status` names it
 * and an expression over such a metric is refused: an empty answer would read as "nothing happened".
 */
import type { Evaluator } from "../api/services.ts";
import type { StatusItem } from "../api/source.ts";
import { UserError } from "../base/errors.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { type Expr, type VectorSelector, walk } from "../promql/ast.ts";
import type { Engine } from "../promql/engine.ts";
import type { EngineResult } from "../promql/options.ts";
import { printExpr } from "../promql/print.ts";
import type { RuleEngine } from "../rules/evaluate.ts";
import type { CachingEngine } from "../promql/range-cache.ts";

/** Names remembered; a fleet has a few dozen. */
const METRICS_MAX = 1_000;
const SHOWN = 5;

export interface NativeHistograms {
  readonly note: (metrics: readonly string[], samples: number) => void;
  /**
   * @returns warnings about selectors that would match such metrics among others.
   * @throws UserError `native-histogram` when one is named.
   */
  check(parse: () => Expr): readonly string[];
  items(): readonly StatusItem[];
  /** Names remembered. */
  metrics(): readonly string[];
}

export function watchNativeHistograms(): NativeHistograms {
  const metrics = new Set<string>();
  let samples = 0;

  const matched = (selector: VectorSelector): readonly string[] => {
    const onName = selector.matchers.filter((matcher) => matcher.name === METRIC_NAME);
    // Without a word about the name a selector is meant for labels, and finds what there is.
    if (onName.length === 0) return [];
    return [...metrics].filter((metric) => onName.every((matcher) => matcher.matches(metric)));
  };

  return {
    metrics: () => [...metrics],
    note(names, count) {
      samples += count;
      for (const name of names) if (metrics.size < METRICS_MAX) metrics.add(name);
    },
    check(parse) {
      if (metrics.size === 0) return [];
      const warnings: string[] = [];
      walk(parse(), (node) => {
        if (node.kind !== "selector") return;
        const found = matched(node);
        if (found.length === 0) return;
        const text = `${found.slice(0, SHOWN).join(", ")}${found.length > SHOWN ? ", …" : ""}`;
        if (node.matchers.some((matcher) => matcher.name === METRIC_NAME && matcher.op === "=")) {
          throw new UserError(
            "native-histogram",
            `${printExpr(node)} is a native histogram, which opsmon does not store`,
            {
              hint: "let the sender keep classic buckets as well (always_scrape_classic_histograms: true) and ask for *_bucket",
              exit: 2,
            },
          );
        }
        warnings.push(`PromQL warning: native histograms are not stored and missing here: ${text}`);
      });
      return warnings;
    },
    items() {
      if (samples === 0) return [];
      const names = [...metrics].slice(0, SHOWN).join(", ");
      const more = metrics.size > SHOWN ? ` and ${metrics.size - SHOWN} more` : "";
      return [
        {
          name: "native histograms",
          state: "warn",
          text: `${samples} samples were sent and not stored, of ${names}${more}`,
        },
      ];
    },
  };
}

/** As rules see it: one over a native histogram fails and says so, for "no data" would read as "all is well". */
export function refusing(engine: Pick<Engine, "parse" | "instant">, histograms: NativeHistograms): RuleEngine {
  return {
    instant: async (expr, at) => {
      histograms.check(() => engine.parse(expr));
      return engine.instant(expr, at);
    },
  };
}

/** The engine behind both: whoever asks before everything is started waits, and sees both first samples. */
export function guarded(engine: CachingEngine, histograms: NativeHistograms, started: Promise<void>): Evaluator {
  const ask = async (expr: string, evaluate: () => Promise<EngineResult>): Promise<EngineResult> => {
    await started;
    const warnings = histograms.check(() => engine.parse(expr));
    const result = await evaluate();
    return warnings.length === 0 ? result : { ...result, warnings: [...warnings, ...result.warnings] };
  };
  return {
    instant: (expr, at, wishes) => ask(expr, () => engine.instant(expr, at, wishes)),
    generation: () => engine.generation + histograms.items().length,
    range: (expr, start, end, stepMs, wishes) => ask(expr, () => engine.range(expr, start, end, stepMs, wishes)),
  };
}
