/** Numbers for people, exactly as Prometheus' template functions write them. */
import { sprintf } from "./format.ts";

const LARGE = ["k", "M", "G", "T", "P", "E", "Z", "Y"] as const;
const SMALL = ["m", "u", "n", "p", "f", "a", "z", "y"] as const;
const BINARY = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] as const;

const short = (v: number): string => sprintf("%.4g", [v]);

function smaller(v: number): string {
  let prefix = "";
  let rest = v;
  for (const next of SMALL) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= 1000;
  }
  return short(rest) + prefix;
}

/** 1234567 → `1.235M`, 0.0001234 → `123.4u`. */
export function humanize(v: number): string {
  if (v === 0 || !Number.isFinite(v)) return short(v);
  if (Math.abs(v) < 1) return smaller(v);
  let prefix = "";
  let rest = v;
  for (const next of LARGE) {
    if (Math.abs(rest) < 1000) break;
    prefix = next;
    rest /= 1000;
  }
  return short(rest) + prefix;
}

/** 1048576 → `1Mi`. */
export function humanize1024(v: number): string {
  if (Math.abs(v) <= 1 || !Number.isFinite(v)) return short(v);
  let prefix = "";
  let rest = v;
  for (const next of BINARY) {
    if (Math.abs(rest) < 1024) break;
    prefix = next;
    rest /= 1024;
  }
  return short(rest) + prefix;
}

/** Seconds: 90061.5 → `1d 1h 1m 1s`, 0.0123 → `12.3ms`. */
export function humanizeDuration(v: number): string {
  if (!Number.isFinite(v)) return short(v);
  if (v === 0) return "0s";
  if (Math.abs(v) < 1) return `${smaller(v)}s`;
  const sign = v < 0 ? "-" : "";
  const whole = Math.trunc(Math.abs(v));
  const seconds = whole % 60;
  const minutes = Math.trunc(whole / 60) % 60;
  const hours = Math.trunc(whole / 3600) % 24;
  const days = Math.trunc(whole / 86_400);
  if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${short(Math.abs(v))}s`;
}

/** 0.1234567 → `12.35%`. */
export function humanizePercentage(v: number): string {
  return `${short(v * 100)}%`;
}
