/**
 * Which rule packs are in force. A pack that nobody chose waits until an exporter it belongs to has been seen in the
 * store: "Redis is down" must not fire on a machine that never had one. Once seen, always on, because the exporter's
 * silence is then the news.
 */
import { errorText } from "../base/errors.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { createMatcher } from "../model/matcher.ts";
import type { RuleGroup } from "../rules/group.ts";
import { SCRAPERS } from "../../scrapers/index.ts";
import type { Rooms } from "./rooms.ts";
import type { Settings } from "./settings.ts";

/** How often new exporters are looked for, ms: a pack's shortest `for` is a minute. */
const LOOK_MS = 10_000;

export interface PackGate extends Disposable {
  /** Puts the settings' groups and the packs that make sense in force, and keeps looking. */
  start(settings: Settings): Promise<void>;
}

export function createPackGate({ tsdb, rules, options }: Pick<Rooms, "tsdb" | "rules" | "options">): PackGate {
  let settings: Settings | undefined;
  let inForce: string | undefined;
  let timer: Disposable | undefined;
  const owners = ownersOfPacks();
  /** Metrics found so far: never asked for again. */
  const seen = new Set<string>();

  const stands = ({ name, chosen }: Settings["packs"][number]): boolean => {
    const metrics = owners.get(name);
    return chosen || metrics === undefined || metrics.some((metric) => seen.has(metric));
  };

  /** Asks the store for the metrics of packs that wait, by name: what is stored otherwise costs nothing. */
  const lookForMetrics = async (packs: Settings["packs"]): Promise<void> => {
    const metrics = packs.filter((pack) => !stands(pack)).flatMap(({ name }) => owners.get(name) ?? []);
    if (metrics.length === 0) return;
    using querier = tsdb.querier(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const anyOf = createMatcher(METRIC_NAME, "=~", metrics.join("|"));
    for (const metric of await querier.labelValues(METRIC_NAME, [anyOf])) seen.add(metric);
  };

  const look = async (): Promise<void> => {
    if (settings === undefined) return;
    const asked = settings;
    await lookForMetrics(settings.packs);
    const packs = settings.packs.filter(stands);
    const now = packs.map((pack) => pack.name).join(",");
    if (now === inForce) return;
    inForce = now;
    const groups: RuleGroup[] = [...settings.groups];
    for (const pack of packs) {
      // A pack is read now, in some milliseconds; an engine that comes back is asked meanwhile.
      groups.push(...pack.groups);
      if (overdue()) await nextTurn();
    }
    // Who reloads meanwhile looks for himself.
    if (asked !== settings) return;
    await rules.apply(groups);
    options.log.info("rules in force", { groups: groups.length, packs: now });
  };

  const arm = (): void => {
    timer = options.clock.after(LOOK_MS, () => {
      look()
        .catch((error: unknown) => options.log.warn("rule packs not looked at", { error: errorText(error) }))
        .finally(() => {
          if (timer !== undefined) arm();
        });
    });
  };

  return {
    async start(next) {
      timer?.[Symbol.dispose]();
      settings = next;
      inForce = undefined;
      await look();
      arm();
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      timer = undefined;
    },
  };
}

/** Metrics by which the exporters of a pack are recognised; packs for which any scrape will do are left out. */
function ownersOfPacks(): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  const everywhere = new Set<string>();
  for (const { rulePacks, fingerprints } of SCRAPERS) {
    for (const pack of rulePacks) {
      // What every scrape tells about itself has no metric of its own to be recognised by.
      if (fingerprints.length === 0) everywhere.add(pack);
      owners.set(pack, [...(owners.get(pack) ?? []), ...fingerprints]);
    }
  }
  for (const pack of everywhere) owners.delete(pack);
  return owners;
}
