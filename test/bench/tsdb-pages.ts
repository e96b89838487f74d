/**
 * Synthetic pages shaped like a node_exporter's: constants, integer counters, seconds counters with two decimals,
 * page-sized gauges, durations of full precision. Deterministic, so two runs store the same samples.
 */
import { Labels } from "../../src/model/labels.ts";
import { random } from "../support/random.ts";

interface PageSource {
  readonly labels: readonly Labels[];
  /** Moves all values on by one scrape. */
  step(values: Float64Array): void;
}

/** One target's page of `count` series. Shares of kinds are those of a real page. */
export function pageSource(instance: string, count: number, seed: number): PageSource {
  const next = random(seed);
  const state = new Float64Array(count);
  const rate = Float64Array.from({ length: count }, () => next() ** 3);
  const labels = Array.from({ length: count }, (_, i) =>
    Labels.from({
      __name__: `node_${["cpu_seconds_total", "memory_bytes", "network_receive_bytes_total", "filesystem_files", "scrape_duration_seconds"][i % 5]}_${Math.floor(i / 40)}`,
      device: `dev${i % 40}`,
      instance,
      job: "node",
    }),
  );
  return {
    labels,
    step(values) {
      for (let i = 0; i < count; i++) {
        const kind = i % 20;
        if (kind < 9) values[i] = i * 4;
        else if (kind < 13)
          values[i] = state[i] = (state[i] as number) + Math.floor((rate[i] as number) * 1000 * next());
        else if (kind < 16)
          values[i] = Math.round((state[i] = (state[i] as number) + (rate[i] as number) * 15 * next()) * 100) / 100;
        else if (kind < 19)
          values[i] = 4096 * Math.floor(1e6 + (state[i] = (state[i] as number) + (next() - 0.5) * 200));
        else values[i] = Number((next() * 0.01).toPrecision(9));
      }
    },
  };
}
