/** What is scraped, what is down and the sentence why, and what was found but nobody scrapes yet. */
import { sanitise } from "../../draw/sanitise.ts";
import { STYLE } from "../../draw/theme.ts";
import type { DiscoveredTarget, TargetStatus } from "../../api/source.ts";
import { formatValue } from "../../model/unit.ts";
import type { PanelState } from "../../panel/frame.ts";
import type { Rect } from "../layout.ts";
import { cell, span, stateSign, type Line, type Look } from "../look.ts";
import { boxPane, insideOf, row, scrollTop, wrapWords, type Pane, type PaneRow } from "../pane.ts";
import { ageText } from "../time.ts";
import { type ViewInput, waitingText } from "./input.ts";

const HEALTH: Readonly<
  Record<TargetStatus["health"], { readonly state: PanelState; readonly word: string; readonly style: number }>
> = {
  up: { state: "ok", word: "up", style: STYLE.ok },
  down: { state: "crit", word: "DOWN", style: STYLE.crit },
  unknown: { state: "unknown", word: "new", style: STYLE.unknown },
};

export function targetsPane(input: ViewInput, rect: Rect): Pane {
  const { survey, state, look, snapshot, now } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const down = survey.targets.filter((target) => target.health === "down").length;
  const facts = [
    ...(down > 0 ? [span(`${down} down, `, STYLE.crit)] : []),
    span(
      `${survey.targets.length} scraped${survey.discovered.length > 0 ? `, ${survey.discovered.length} found` : ""}`,
      STYLE.dim,
    ),
  ];
  const options = { title: [span("Targets", STYLE.title)], right: facts, focus: state.pane === "main", rule };
  const lines = rowsOf(input, inside.width);
  if (survey.rows === 0) {
    const text =
      snapshot === undefined
        ? waitingText(input)
        : (snapshot.targetsError ?? "no target is configured and no exporter was found on this machine");
    return boxPane(
      "table",
      rect,
      wrapWords(text, inside.width - 2, 4).map((part) => row(span(` ${part}`, STYLE.dim))),
      options,
      look,
    );
  }
  const detail = detailRows(
    survey.targets[survey.cursor],
    survey.discovered[survey.cursor - survey.targets.length],
    inside.width,
    now,
  );
  const room = Math.max(1, inside.height - detail.length - 1);
  const visible = lines.length > room && room > 1 ? room - 1 : room;
  const top = scrollTop(survey.cursor, lines.length, visible);
  const shown = lines.slice(top, top + visible).map(
    (line, i): PaneRow => ({
      line,
      bar: top + i === survey.cursor && state.pane === "main" ? STYLE.selected : undefined,
    }),
  );
  if (lines.length > room && room > 1) shown.push(moreRow(top, lines.length - top - visible));
  const blank = Array.from({ length: Math.max(0, room - shown.length) }, () => row());
  return boxPane("table", rect, [row(headSpan(input, inside.width)), ...shown, ...blank, ...detail], options, look);
}

function moreRow(above: number, below: number): PaneRow {
  const parts = [...(above > 0 ? [`${above} more above`] : []), ...(below > 0 ? [`${below} more below`] : [])];
  return row(span(` ${parts.join(", ")}`, STYLE.dim));
}

interface Widths {
  readonly job: number;
  readonly url: number;
  readonly numbers: boolean;
}

/** Jobs and addresses as wide as they need, so that a problem is told in full. */
function widthsFor({ survey }: ViewInput, width: number): Widths {
  const numbers = width >= 70;
  const rows = [
    ...survey.targets.map(({ job, url }) => [job, url]),
    ...survey.discovered.map((f) => [f.scraper, f.url]),
  ];
  const widest = (column: 0 | 1): number =>
    rows.reduce((most, row) => Math.max(most, shortUrl(row[column] ?? "").length), 8);
  const job = Math.min(widest(0) + 1, width < 60 ? 12 : 20);
  const room = numbers ? Math.floor(width * 0.34) : width - job - 9;
  return { job, numbers, url: Math.max(10, Math.min(widest(1), room)) };
}

/** The address without what every target has. */
function shortUrl(url: string): string {
  return url.replace(/^https?:\/\//, "").replace(/\/metrics$/, "");
}

function headSpan(input: ViewInput, width: number): ReturnType<typeof span> {
  const { job, url, numbers } = widthsFor(input, width);
  const tail = numbers ? `${"LAST".padStart(7)}${"TOOK".padStart(9)}${"SAMPLES".padStart(9)}  PROBLEM` : "";
  return span(`   ${"STATE".padEnd(6)}${"JOB".padEnd(job)}${"ADDRESS".padEnd(url)}${tail}`, STYLE.dim);
}

function rowsOf(input: ViewInput, width: number): readonly Line[] {
  const { survey, look, now } = input;
  const widths = widthsFor(input, width);
  return [
    ...survey.targets.map((target) => targetLine(target, widths, now, look)),
    ...survey.discovered.map((found) => foundLine(found, widths, look)),
  ];
}

function targetLine(target: TargetStatus, { job, url, numbers }: Widths, now: number, look: Look): Line {
  const { state, style } = HEALTH[target.health];
  // Scraped before, and now nobody tells: the engine is silent.
  const word = target.health === "unknown" && target.lastScrapeAt > 0 ? "stale" : HEALTH[target.health].word;
  const age = target.lastScrapeAt > 0 ? ageText(now - target.lastScrapeAt) : "never";
  return [
    span(` ${stateSign(state, look)} `, style),
    cell(word, 6, style),
    cell(target.job, job - 1, STYLE.title),
    span(" "),
    cell(shortUrl(target.url), url),
    ...(numbers
      ? [
          cell(age, 7, STYLE.default, "right"),
          cell(formatValue(target.lastDurationMs / 1_000, "seconds"), 9, STYLE.default, "right"),
          cell(formatValue(target.samples, "count"), 9, STYLE.default, "right"),
          span("  "),
        ]
      : []),
    span(numbers ? target.lastError : "", STYLE.crit),
  ];
}

function foundLine(found: DiscoveredTarget, { job, url, numbers }: Widths, look: Look): Line {
  return [
    span(` ${look.ascii ? "+" : "◇"} `, STYLE.key),
    cell("found", 6, STYLE.key),
    cell(found.scraper, job - 1, STYLE.title),
    span(" "),
    cell(shortUrl(found.url), url),
    span(numbers ? "  not scraped yet: D adds it" : "", STYLE.dim),
  ];
}

/** The row under the cursor in full: the whole sentence why it is down, its labels. */
function detailRows(
  target: TargetStatus | undefined,
  found: DiscoveredTarget | undefined,
  width: number,
  now: number,
): readonly PaneRow[] {
  const text = (words: string, style: number): readonly PaneRow[] =>
    wrapWords(sanitise(words), Math.max(8, width - 3), 3).map((part) => row(span(`  ${part}`, style)));
  if (found !== undefined) return [row(), ...text(`${found.url}: ${found.doc}. D adds it.`, STYLE.key)];
  if (target === undefined) return [];
  const labels = [...target.labels].map(([name, value]) => `${name}=${value}`).join("  ");
  const seen = target.lastScrapeAt > 0 ? `scraped ${ageText(now - target.lastScrapeAt)} ago` : "not scraped yet";
  const every = `${target.url}: every ${ageText(target.intervalMs)}, gives up after ${ageText(target.timeoutMs)}, ${seen}`;
  return [
    row(),
    ...(target.lastError === "" ? [] : text(target.lastError, STYLE.crit)),
    ...text(every, STYLE.default),
    ...text(labels, STYLE.dim),
  ];
}
