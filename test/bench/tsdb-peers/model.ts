/**
 * One target's thousand series as a machine and an application show them: CPU seconds in hundredths, page-sized
 * gauges, byte counters of which many never move, constants, request histograms. Deterministic by seed.
 */
import { Labels } from "../../../src/model/labels.ts";
import { random } from "../../support/random.ts";

export const HANDLERS = 30;
const BOUNDS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "25", "60", "+Inf"];

interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly (readonly [string, string])[];
  /** Changes the value by so many seconds passing. */
  readonly step: (before: number, seconds: number) => number;
}

export class TargetModel {
  readonly series: readonly Described[];
  readonly values: Float64Array;

  constructor(seed: number) {
    const next = random(seed);
    const all: Described[] = [];
    const add = (
      name: string,
      type: string,
      labels: readonly (readonly [string, string])[],
      step: Described["step"],
    ): void => void all.push({ name, type, labels, step });
    const still = (v: number): number => v;
    const hundredths = (share: number) => (v: number, s: number) => Math.round((v + share * s * next()) * 100) / 100;
    const whole = (rate: number) => (v: number, s: number) => v + Math.floor(rate * s * 2 * next());
    for (let cpu = 0; cpu < 8; cpu++) {
      for (const mode of ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"]) {
        const step = mode === "nice" || mode === "irq" ? still : hundredths(mode === "idle" ? 1.6 : 0.1);
        add(
          "node_cpu_seconds_total",
          "counter",
          [
            ["cpu", String(cpu)],
            ["mode", mode],
          ],
          step,
        );
      }
    }
    for (let i = 0; i < 50; i++) {
      const moves = i % 3 !== 0;
      const walk = (v: number): number =>
        v === 0 ? 4096 * Math.floor(1e5 + 1e6 * next()) : v + 4096 * Math.floor((next() - 0.5) * 50);
      add(`node_memory_Field${i}_bytes`, "gauge", [], moves ? walk : (v) => v || 4096 * Math.floor(1e6 * next()));
    }
    for (let device = 0; device < 10; device++) {
      for (let kind = 0; kind < 16; kind++) {
        const busy = device < 3 && kind < 11;
        add(`node_network_kind${kind}_total`, "counter", [["device", `eth${device}`]], busy ? whole(2_000) : still);
      }
    }
    for (let mount = 0; mount < 10; mount++) {
      for (const kind of ["avail", "free", "size", "files", "files_free", "readonly"]) {
        const moves = mount < 3 && kind !== "size" && kind !== "readonly";
        const step = moves
          ? (v: number): number => (v || 1e9) - 4096 * Math.floor(next() * 9)
          : (v: number) => v || 5e9;
        add(
          `node_filesystem_${kind}_bytes`,
          "gauge",
          [
            ["device", `/dev/sd${mount}`],
            ["mountpoint", `/mnt/${mount}`],
          ],
          step,
        );
      }
    }
    for (let handler = 0; handler < HANDLERS; handler++) {
      const label = ["handler", `/api/v1/handler${handler}`] as const;
      let total = 0;
      const rate = handler < 12 ? 40 / (1 + handler) : 0;
      BOUNDS.forEach((le, i) => {
        const share = 1 - 0.5 ** (i / 2 + 0.3);
        const last = i === BOUNDS.length - 1;
        add("http_request_duration_seconds_bucket", "histogram", [label, ["le", le]], (_, s) => {
          if (i === 0) total += Math.floor(rate * s * 2 * next());
          return last ? total : Math.floor(total * share);
        });
      });
      add("http_request_duration_seconds_sum", "histogram", [label], (_, s) => total * 0.043 + s * 0);
      add("http_request_duration_seconds_count", "histogram", [label], () => total);
    }
    for (let i = 0; all.length < 1_000; i++) {
      const step =
        i % 4 === 0 ? () => Number((next() * 0.01).toPrecision(8)) : i % 4 === 1 ? whole(3) : (v: number) => v || i;
      add(`app_thing${i % 23}_value`, "gauge", [["shard", String(i)]], step);
    }
    this.series = all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    this.values = new Float64Array(all.length);
  }

  step(seconds: number): void {
    this.series.forEach((one, i) => {
      this.values[i] = one.step(this.values[i] as number, seconds);
    });
  }

  labels(target: Readonly<Record<string, string>>): readonly Labels[] {
    return this.series.map(({ name, labels }) =>
      Labels.from([...labels, ...Object.entries(target), ["__name__", name] as [string, string]]),
    );
  }

  page(): string {
    const lines: string[] = [];
    let family = "";
    this.series.forEach(({ name, type, labels }, i) => {
      const of = type === "histogram" ? name.replace(/_(bucket|sum|count)$/, "") : name;
      if (of !== family) lines.push(`# HELP ${of} What ${of} counts.`, `# TYPE ${of} ${type}`);
      family = of;
      const inner = labels.map(([key, value]) => `${key}="${value}"`).join(",");
      lines.push(`${name}${inner === "" ? "" : `{${inner}}`} ${goNumber(this.values[i] as number)}`);
    });
    return `${lines.join("\n")}\n`;
  }
}

/** As client libraries in Go print it: large and small numbers with an exponent. */
function goNumber(v: number): string {
  const size = Math.abs(v);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(v);
  return v.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
