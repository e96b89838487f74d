/** Who else tells about this machine: when the built-in collector makes way, and when it does not. */
import { expect, test } from "vitest";
import { createHostRival } from "../../../src/app/host-rival.ts";
import { manualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { ScrapeTargetStatus } from "../../../src/scrape/status.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { SCRAPE_START } from "../../support/scrape.ts";

const NEAR = "http://127.0.0.1:9100/metrics";

interface Case {
  readonly why: string;
  readonly url?: string;
  readonly health?: ScrapeTargetStatus["health"];
  /** Ages of the samples, ms; a marker ends the series where `ended`. */
  readonly ages: readonly number[];
  readonly ended?: boolean;
  readonly nodename?: string;
  readonly makesWay: boolean;
}

const CASES: readonly Case[] = [
  { ages: [5_000, 0], makesWay: true, why: "a node_exporter of this machine is scraped" },
  { ages: [0], makesWay: false, why: "one sample has no rates yet" },
  { health: "unknown", ages: [70_000, 65_000], makesWay: true, why: "a run before this one scraped it a minute ago" },
  { health: "unknown", ages: [700_000, 695_000], makesWay: false, why: "long ago says nothing of now" },
  { health: "down", ages: [70_000, 65_000], makesWay: false, why: "it does not answer" },
  { ages: [5_000, 0], ended: true, makesWay: false, why: "the series has ended" },
  { ages: [5_000, 0], nodename: "other", makesWay: false, why: "a container with a name of its own" },
  { url: "http://192.0.2.7:9100/metrics", ages: [5_000, 0], makesWay: false, why: "a clone elsewhere" },
];

test.each(CASES)("$why: $makesWay", async ({ url = NEAR, health = "up", ages, ended, nodename = "box", makesWay }) => {
  const clock = manualClock(SCRAPE_START);
  const store = memoryStore();
  const labels = Labels.from({ job: "node", instance: new URL(url).host });
  const appender = store.appender();
  const series = Labels.from({ ...labels.toJSON(), __name__: "node_uname_info", nodename });
  const ref = appender.series(series);
  for (const age of ages) appender.append(ref, SCRAPE_START - age - 1, 1);
  if (ended === true) appender.appendStale(ref, SCRAPE_START);
  await appender.commit();
  const targets = (): readonly ScrapeTargetStatus[] => [{ url, health, labels } as unknown as ScrapeTargetStatus];
  const rival = createHostRival({ store, targets, clock, nodename: "box" });
  expect(await rival()).toBe(makesWay ? url : undefined);
});
