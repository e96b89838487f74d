/**
 * Durations as Prometheus writes them: `5m`, `1h30m`, `250ms`. Text in, whole milliseconds out. Calendar
 * units have fixed lengths (1d = 24h, 1y = 365d), so a duration never depends on a time zone.
 */
import { UserError } from "../base/errors.ts";

const UNITS = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Parses a duration: each unit at most once, largest first. `0` alone is zero.
 *
 * @returns whole milliseconds, 0 or more.
 * @throws UserError `bad-duration` (exit 2).
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/#float-literals-and-time-durations
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const match = text === "" ? null : DURATION.exec(text);
  if (match === null) {
    throw new UserError("bad-duration", `"${text}" is not a duration`, {
      hint: 'write numbers with units, largest first: "90s", "5m", "1h30m"',
      exit: 2,
    });
  }
  return UNITS.reduce((sum, [, ms], i) => sum + Number(match[i + 1] ?? 0) * ms, 0);
}

/** The shortest exact form, as Prometheus prints it: years and weeks only where the rest is zero. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = Math.abs(ms);
  let out = ms < 0 ? "-" : "";
  for (const [unit, size] of UNITS) {
    const calendar = unit === "y" || unit === "w";
    if (rest < size || (calendar && rest % size !== 0)) continue;
    out += `${Math.floor(rest / size)}${unit}`;
    rest %= size;
  }
  return out;
}
