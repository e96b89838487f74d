/** What comes out of blocks and the log, and what could not be taken from them. */
import { UserError } from "../base/errors.ts";
import type { Labels } from "../model/labels.ts";
import type { ChunkSamples } from "./xor-chunk.ts";

/** Sentences about damage kept; the others are counted. */
const DAMAGE_MAX = 100;

/** Columns of one length. */
export interface BlockSeries extends ChunkSamples {
  readonly labels: Labels;
}

export interface Losses {
  /** The first sentences, and how many there were in all. */
  readonly damage: string[];
  damaged: number;
  /** Samples of native histograms; a record of the log counts as one. */
  histograms: number;
  readonly histogramMetrics: Set<string>;
  /** Samples deleted in Prometheus. */
  deleted: number;
}

export function noLosses(): Losses {
  return { damage: [], damaged: 0, histograms: 0, histogramMetrics: new Set(), deleted: 0 };
}

/** @throws what is no damage of a file. */
export function tellLoss(losses: Losses, error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  losses.damaged++;
  if (losses.damage.length < DAMAGE_MAX) losses.damage.push(error.message);
}
