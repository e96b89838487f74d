/** Every scraper opsmon knows, in the order the screens list them. A new one is its file and one line here. */
import type { PanelSpec } from "../src/panel/spec.ts";
import { app } from "./app.ts";
import { blackbox } from "./blackbox.ts";
import { business } from "./business.ts";
import type { ScraperSpec } from "./define.ts";
import { cadvisor, kubernetes } from "./kubernetes.ts";
import { minio } from "./minio.ts";
import { prometheus, targets } from "./monitoring.ts";
import { nginx } from "./nginx.ts";
import { node } from "./node.ts";
import { postgres } from "./postgres.ts";
import { rabbitmq } from "./rabbitmq.ts";
import { redis } from "./redis.ts";

export const SCRAPERS: readonly ScraperSpec[] = [
  targets,
  node,
  postgres,
  redis,
  rabbitmq,
  app,
  nginx,
  blackbox,
  minio,
  business,
  kubernetes,
  cadvisor,
  prometheus,
];

/** All panels of all scrapers, in screen order. Ids are unique. */
export function allPanels(): readonly PanelSpec[] {
  return SCRAPERS.flatMap((scraper) => scraper.panels);
}

/** What the overview's health table is made of: one panel and more for each method of each resource and service. */
export function healthPanels(): readonly PanelSpec[] {
  return allPanels().filter((panel) => panel.method !== "none");
}

export function scraperNamed(name: string): ScraperSpec | undefined {
  return SCRAPERS.find((scraper) => scraper.name === name);
}
