/** `opsmon status`: the engine's own health, worst first, each item a sentence somebody can act on. */
import type { EngineStatus, StatusItem } from "../api/source.ts";
import { counted } from "../model/count.ts";
import { formatDuration } from "../model/duration.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatTime } from "../model/time.ts";
import { formatValue } from "../model/unit.ts";
import type { Rooms } from "./rooms.ts";
import type { Settings } from "./settings.ts";
import { standingItems, worstFirst } from "./store-items.ts";

/** For so long a leap of the clock is told, ms. */
const LEAP_TOLD_MS = 86_400_000;
/** A message that waits longer than this is a message nobody got, ms. */
const OUTBOX_LATE_MS = 120_000;

export async function engineStatus(
  rooms: Rooms,
  settings: Settings,
  startedAt: Timestamp,
  more: readonly StatusItem[],
): Promise<EngineStatus> {
  const { options } = rooms;
  const stats = rooms.tsdb.stats();
  const items = [
    ...storeItems(rooms),
    ...targetItems(rooms),
    ...ruleItems(rooms),
    ...notifyItems(rooms),
    ...configItems(settings),
    ...more,
  ];
  return {
    version: options.version,
    pid: process.pid,
    startedAt,
    dataDir: options.dataDir,
    configFile: options.configFile ?? "",
    embedded: options.embedded,
    items: worstFirst(items),
    damaged: stats.quarantined.length,
    missing: { gaps: stats.gaps, losses: stats.losses },
  };
}

function storeItems({ tsdb, state, journal, options }: Rooms): readonly StatusItem[] {
  const stats = tsdb.stats();
  const items: StatusItem[] = [...standingItems(stats, options.dataDir, options.clock.now())];
  const damaged = state.damaged();
  if (damaged.length > 0)
    items.push({
      name: "state",
      state: "crit",
      text: `${counted(damaged.length, "damaged record")}, e.g. ${damaged[0]}`,
    });
  if (journal.unreadable() > 0)
    items.push({ name: "journal", state: "warn", text: counted(journal.unreadable(), "unreadable record") });
  const size = formatValue(stats.diskBytes, "bytes");
  const span =
    stats.minT === undefined
      ? ""
      : `, ${formatDuration(Math.max(0, Math.round((options.clock.now() - stats.minT) / 60_000) * 60_000))} kept`;
  const density = stats.bytesPerSample > 0 ? `, ${stats.bytesPerSample.toFixed(2)} B/sample in blocks` : "";
  const age = stats.maxT === undefined ? "" : `, newest sample ${ageText(options.clock.now() - stats.maxT)} old`;
  items.push({
    name: "store",
    state: worst(items),
    text: `${stats.series} series, ${counted(stats.samples, "sample")}, ${counted(stats.blocks, "block")}, ${size} on disk${density}${span}${age}`,
  });
  return items;
}

/** A summary stands no better than what it sums up. */
function worst(items: readonly StatusItem[]): StatusItem["state"] {
  return items.some(({ state }) => state === "crit")
    ? "crit"
    : items.some(({ state }) => state === "warn")
      ? "warn"
      : "ok";
}

/** Ages in whole seconds; a scraper's clock may run ahead. */
function ageText(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1_000)) * 1_000);
}

function targetItems({ scraper, host }: Rooms): readonly StatusItem[] {
  const targets = [...(host === undefined ? [] : [host.status()]), ...scraper.targets()];
  const down = targets.filter((target) => target.health === "down");
  const items: StatusItem[] = down.map((target) => ({
    name: "target",
    state: "crit" as const,
    text: `${target.job} ${target.url}: ${target.lastError}`,
  }));
  for (const target of targets)
    for (const text of target.warnings)
      items.push({ name: "target", state: "warn", text: `${target.job} ${target.url}: ${text}` });
  const state = worst(items);
  items.push({ name: "targets", state, text: targetCounts(targets) });
  const rival = host?.pausedFor();
  if (rival !== undefined)
    items.push({ name: "host", state: "ok", text: `own readings are paused: ${rival} delivers this machine's` });
  return items;
}

/** `7 of 23 up, 12 down, 4 not scraped yet`. */
export function targetCounts(targets: readonly { readonly health: "up" | "down" | "unknown" }[]): string {
  const count = (health: string): number => targets.filter((target) => target.health === health).length;
  const rest = [
    [count("down"), "down"],
    [count("unknown"), "not scraped yet"],
  ] as const;
  const told = rest.flatMap(([n, what]) => (n === 0 ? [] : [`, ${n} ${what}`]));
  return `${count("up")} of ${targets.length} up${told.join("")}`;
}

function ruleItems({ rules, options }: Rooms): readonly StatusItem[] {
  const all = rules.rules();
  const failing = all.filter((rule) => rule.health === "err");
  const items: StatusItem[] = failing.map((rule) => ({
    name: "rule",
    state: "crit" as const,
    text: `${rule.file} ${rule.name}: ${rule.lastError}`,
  }));
  const missed = rules.missedIterations();
  if (missed > 0)
    items.push({ name: "rules", state: "warn", text: `${counted(missed, "evaluation")} missed since the start` });
  const leap = rules.leap();
  if (leap !== undefined && options.clock.now() - leap.at < LEAP_TOLD_MS) {
    const [from, to] = [leap.at - leap.byMs, leap.at].map((t) => formatTime(t, false));
    items.push({
      name: "rules",
      state: "warn",
      text: `none was evaluated from ${from} to ${to}: the clock was set forward, or the machine slept`,
    });
  }
  const wrong = failing.length === 0 ? "" : `, ${failing.length} of them fail`;
  const state = worst(items);
  items.push({ name: "rules", state, text: `${counted(all.length, "rule")}${wrong}` });
  const firing = rules.alerts().filter((alert) => alert.state === "firing").length;
  items.push({
    name: "alerts",
    state: firing === 0 ? "ok" : "warn",
    text: firing === 0 ? "none fires" : `${firing} firing`,
  });
  return items;
}

function notifyItems({ notifier }: Rooms): readonly StatusItem[] {
  return notifier.channels().flatMap((channel) => {
    const name = `${channel.receiver}/${channel.integration}`;
    const items: StatusItem[] = channel.warnings.map((text) => ({ name, state: "warn" as const, text }));
    if (channel.oldestMs > OUTBOX_LATE_MS) {
      items.push({
        name,
        state: "crit",
        text: `${counted(channel.queued, "message waits", "messages wait")}, the oldest for ${formatDuration(Math.round(channel.oldestMs / 1_000) * 1_000)}: ${channel.lastError}`,
      });
    } else if (channel.lastError !== "") items.push({ name, state: "warn", text: channel.lastError });
    else
      items.push({
        name,
        state: "ok",
        text: channel.queued === 0 ? "nothing waits" : `${counted(channel.queued, "message")} under way`,
      });
    return items;
  });
}

function configItems({ problems }: Settings): readonly StatusItem[] {
  return problems.map((problem) => ({
    name: "config",
    state: "warn" as const,
    text: `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`,
  }));
}
