/** Every scraper opsmon knows, in the order the screens list them. A new one is its file and one line here. */
import type { PanelSpec } from "../src/panel/spec.ts";
import type { ScraperSpec } from "./define.ts";

export const SCRAPERS: readonly ScraperSpec[] = [];

/** All panels of all scrapers, in screen order. Ids are unique. */
export function allPanels(): readonly PanelSpec[] {
  return SCRAPERS.flatMap((scraper) => scraper.panels);
}

export function scraperNamed(name: string): ScraperSpec | undefined {
  return SCRAPERS.find((scraper) => scraper.name === name);
}
