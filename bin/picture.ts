/**
 * `node bin/picture.ts OUT.svg SECONDS [opsmon arguments]`: runs the console in a real pseudo-terminal, waits, and
 * writes what the terminal shows as an SVG, cell by cell. The README's picture is made by it on the lab.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import pty from "@lydell/node-pty";
import xterm from "@xterm/headless";

const COLUMNS = 130;
const ROWS = 42;
const CELL = { width: 8.4, height: 18 } as const;
const PALETTE = [
  "#1e2127",
  "#e06c75",
  "#98c379",
  "#e5c07b",
  "#61afef",
  "#c678dd",
  "#56b6c2",
  "#abb2bf",
  "#5c6370",
  "#ff7b86",
  "#b5e890",
  "#ffd68a",
  "#7cc4ff",
  "#dd8ff0",
  "#6fd3df",
  "#ffffff",
] as const; // prettier-ignore
const BACKGROUND = "#16181d";
const FOREGROUND = "#c8ccd4";
const CUBE = [0, 95, 135, 175, 215, 255] as const;

function color(index: number): string {
  if (index < 16) return PALETTE[index] ?? FOREGROUND;
  if (index >= 232) return hex(...([0, 0, 0].map(() => 8 + (index - 232) * 10) as [number, number, number]));
  const cube = index - 16;
  const level = (position: number): number => CUBE[Math.floor(cube / position) % 6] ?? 0;
  return hex(level(36), level(6), level(1));
}

function hex(...parts: readonly [number, number, number]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (ch) => (ch === "&" ? "&amp;" : ch === "<" ? "&lt;" : "&gt;"));
}

function svg(terminal: xterm.Terminal): string {
  const parts: string[] = [];
  for (let y = 0; y < ROWS; y++) {
    const line = terminal.buffer.active.getLine(y);
    if (line === undefined) continue;
    let x = 0;
    while (x < COLUMNS) {
      const first = line.getCell(x);
      const style = styleOf(first);
      let text = "";
      const start = x;
      for (; x < COLUMNS; x++) {
        const cell = line.getCell(x);
        if (styleOf(cell) !== style) break;
        text += cell?.getChars() || " ";
      }
      parts.push(run(start, y, text, style));
    }
  }
  const width = COLUMNS * CELL.width + 16;
  const height = ROWS * CELL.height + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" xml:space="preserve">
${parts.join("\n")}
</g>
</svg>
`;
}

type Cell = ReturnType<NonNullable<ReturnType<xterm.IBuffer["getLine"]>>["getCell"]>;

/** `foreground background bold`, inverse resolved. */
function styleOf(cell: Cell): string {
  if (cell === undefined) return `${FOREGROUND} none 0`;
  const fg = cell.isFgDefault() ? FOREGROUND : color(cell.getFgColor());
  const bg = cell.isBgDefault() ? "none" : color(cell.getBgColor());
  const shown = cell.isDim() ? "#7f8794" : fg;
  return cell.isInverse()
    ? `${bg === "none" ? BACKGROUND : bg} ${fg} ${cell.isBold()}`
    : `${shown} ${bg} ${cell.isBold()}`;
}

function run(x: number, y: number, text: string, style: string): string {
  const [fg, bg, bold] = style.split(" ") as [string, string, string];
  const left = 8 + x * CELL.width;
  const top = 8 + y * CELL.height;
  const width = text.length * CELL.width;
  const back =
    bg === "none" ? "" : `<rect x="${left}" y="${top}" width="${width}" height="${CELL.height}" fill="${bg}"/>`;
  const dots = brailleDots(text, left, top);
  const marks = dots === "" ? "" : `<path d="${dots}" fill="${fg}"/>`;
  const letters = text.replace(/[\u2800-\u28ff]/g, " ");
  if (letters.trim() === "") return back + marks;
  const weight = bold === "0" ? "" : ' font-weight="bold"';
  // textLength keeps columns aligned whatever monospace font the reader has.
  return `${back}${marks}<text x="${left}" y="${top + 13}" fill="${fg}"${weight} textLength="${width}" lengthAdjust="spacingAndGlyphs">${escapeXml(letters)}</text>`;
}

/** Column and row of the dot each bit of a braille character stands for. */
const DOTS = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [0, 3], [1, 3]] as const; // biome-ignore format: a table

/** Braille as squares: not every reader's font has it, or has it as wide as a letter. */
function brailleDots(text: string, left: number, top: number): string {
  let path = "";
  [...text].forEach((ch, i) => {
    const bits = (ch.codePointAt(0) as number) - 0x2800;
    if (bits <= 0 || bits > 0xff) return;
    DOTS.forEach(([column, row], bit) => {
      if ((bits & (1 << bit)) === 0) return;
      const x = left + (i + 0.15 + column * 0.5) * CELL.width;
      const y = top + (0.06 + row * 0.25) * CELL.height;
      path += `M${x.toFixed(1)} ${y.toFixed(1)}h2.6v2.6h-2.6z`;
    });
  });
  return path;
}

async function main(): Promise<void> {
  const [out, seconds, ...args] = process.argv.slice(2);
  if (out === undefined || seconds === undefined)
    throw new Error("usage: node bin/picture.ts OUT.svg SECONDS [arguments]");
  const terminal = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  const program = path.resolve(import.meta.dirname, "opsmon");
  const env = { ...process.env, TERM: "xterm-256color", LANG: "C.UTF-8" };
  const child = pty.spawn(program, ["top", ...args], { name: "xterm-256color", cols: COLUMNS, rows: ROWS, env });
  child.onData((data) => terminal.write(data));
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1_000));
  await new Promise<void>((resolve) => terminal.write("", resolve));
  writeFileSync(out, svg(terminal));
  child.write("q");
}

await main();
