/** Times as the Prometheus API writes them. */
import type { Timestamp } from "../model/sample.ts";

/** Unix ms as float seconds with at most three decimals, no trailing zeros. */
export function secondsText(ms: Timestamp): string {
  if (ms % 1_000 === 0) return String(ms / 1_000);
  const sign = ms < 0 ? "-" : "";
  const whole = Math.abs(ms);
  const fraction = String(whole % 1_000)
    .padStart(3, "0")
    .replace(/0+$/, "");
  return `${sign}${Math.floor(whole / 1_000)}.${fraction}`;
}
