/**
 * Samples older than raw ones are kept: an import may bring them as long as a tier reaches back that far. They are
 * written as raw samples, rolled up, and dropped by retention when every tier has them.
 */
import type { Timestamp } from "../model/sample.ts";
import type { Appendable } from "../storage/storage.ts";
import { type AppenderHost, createAppender } from "./appender.ts";
import type { Rung } from "./ladder.ts";

/** How far back what is kept, now. */
export interface Reach {
  /** Raw samples before this go when the tiers have them. */
  readonly rawFrom: Timestamp;
  /** Growing tiers, fine to coarse. */
  readonly tiers: readonly { readonly resolutionMs: number; readonly from: Timestamp }[];
}

export interface History extends Appendable {
  reach(): Reach;
}

/** @param retentionMs of raw samples; 0 = for ever. */
export function reachOf(ladder: readonly Rung[], retentionMs: number, now: Timestamp): Reach {
  const active = ladder.filter((rung) => rung.active).sort((a, b) => a.resolutionMs - b.resolutionMs);
  return {
    rawFrom: retentionMs > 0 ? now - retentionMs : Number.MIN_SAFE_INTEGER,
    tiers: active.map(({ resolutionMs, retentionMs: kept }) => ({ resolutionMs, from: now - kept })),
  };
}

/** The oldest time that anything keeps. */
function oldestKept({ rawFrom, tiers }: Reach): Timestamp {
  return tiers.reduce((oldest, { from }) => Math.min(oldest, from), rawFrom);
}

/** A door to the store that opens as far back as anything is kept. */
export function createHistory(host: AppenderHost, reach: () => Reach): History {
  return {
    reach,
    appender: () =>
      createAppender({
        series: (labels) => host.series(labels),
        bounds: () => [oldestKept(reach()), host.bounds()[1]],
        commit: (batch) => host.commit(batch),
      }),
  };
}

/** Samples that only tiers keep, by tier. */
export interface TierShare {
  readonly resolutionMs: number;
  readonly samples: number;
}

/** Counts what goes to tiers alone. */
export class TierShares {
  readonly #reach: Reach;
  readonly #counts: number[];

  constructor(reach: Reach) {
    this.#reach = reach;
    this.#counts = reach.tiers.map(() => 0);
  }

  note(t: Timestamp): void {
    if (t >= this.#reach.rawFrom) return;
    this.#reach.tiers.forEach(({ from }, i) => {
      if (t >= from) this.#counts[i] = (this.#counts[i] as number) + 1;
    });
  }

  list(): readonly TierShare[] {
    return this.#reach.tiers.map(({ resolutionMs }, i) => ({ resolutionMs, samples: this.#counts[i] as number }));
  }
}
