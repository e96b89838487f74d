/**
 * What a section of a page says: series and descriptions, read from its text when somebody asks. A target needs that
 * once, when its page is new; from then on the text alone is in memory, and for most targets it is somebody else's.
 */
import type { Metadata } from "../model/metadata.ts";
import type { Described, PageSeries, SectionContents } from "./page.ts";
import type { PageSection } from "./section.ts";
import { PageScan } from "./scan.ts";

class Contents implements SectionContents {
  readonly #section: PageSection;
  #series: readonly PageSeries[] | undefined;
  #described: readonly Described[] | undefined;

  constructor(section: PageSection, series?: readonly PageSeries[]) {
    this.#section = section;
    this.#series = series;
  }

  get series(): readonly PageSeries[] {
    if (this.#series === undefined) this.#read();
    return this.#series as readonly PageSeries[];
  }

  get described(): readonly Described[] {
    if (this.#described === undefined) this.#read();
    return this.#described as readonly Described[];
  }

  #read(): void {
    const { format, type } = this.#section;
    const scan = new PageScan(this.#section.page(), format, type);
    scan.step(Number.POSITIVE_INFINITY);
    this.#series ??= scan.series;
    this.#described = scan.described();
  }
}

/** Remembered while somebody looks at it. */
export function contentsOf(section: PageSection): SectionContents {
  return section.contents?.deref() ?? keepContents(section);
}

/** Tells what somebody who scanned the section knows of it. */
export function keepContents(section: PageSection, series?: readonly PageSeries[]): SectionContents {
  const contents = new Contents(section, series);
  section.contents = new WeakRef(contents);
  return contents;
}

export function seriesOf(sections: readonly PageSection[]): readonly PageSeries[] {
  return sections.flatMap((section) => contentsOf(section).series);
}

const HASH = 0x23;
const NOTHING: readonly Described[] = [];

/** Most sections of a page describe nothing, and are not read for it. */
export function describedOf(section: PageSection): readonly Described[] {
  return section.bytes.includes(HASH) ? contentsOf(section).described : NOTHING;
}

/** By family name, in the order of the first line about each; of two lines that say the same thing the later one holds. */
export function metadataOf(sections: readonly PageSection[]): ReadonlyMap<string, Metadata> {
  const known = new Map<string, Metadata>();
  for (const section of sections) {
    for (const { family, what } of describedOf(section)) {
      known.set(family, { type: "unknown", help: "", unit: "", ...known.get(family), ...what });
    }
  }
  return known;
}
