/**
 * The house's walls: which room may import which, which package may be met in which file, and the limits on size.
 * The table is the one of ARCHITECTURE.md. A new arrow is a decision: it is written there first, then here.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { missingEntries } from "../bin/lock.ts";
import { readSource, readTree, type SourceFile } from "./support/imports.ts";

const root = path.resolve(import.meta.dirname, "..");

/**
 * Room -> what it may import besides itself. `room` is all of it, `room/file` that file only,
 * `type room/file` its types only, `lazy room` only by `import()`.
 */
const MAY: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base"],
  storage: ["base", "model"],
  exposition: ["base", "model"],
  scrape: ["base", "model", "storage", "exposition"],
  tsdb: ["base", "model", "storage"],
  promql: ["base", "model", "storage"],
  remote: ["base", "model", "storage"],
  blocks: ["base", "model", "remote/snappy"],
  state: ["base", "model"],
  journal: ["base", "model", "state"],
  template: ["base", "model"],
  rules: ["base", "model", "storage", "promql", "template", "state", "journal"],
  notify: ["base", "model", "template", "state", "journal"],
  bundle: ["base", "model", "storage", "tsdb", "journal"],
  review: ["base", "model", "storage", "promql", "rules", "notify", "journal", "bundle"],
  panel: ["base", "model", "promql/value"],
  draw: ["base", "type panel/frame", "type panel/spec", "model/unit"],
  ui: ["base", "model", "panel", "draw", "type api/source", "type scrapers/define"],
  api: ["base", "model", "storage", "promql", "exposition/write", "remote", "type journal/record"],
  config: ["base", "model"],
  app: [
    ..."base model storage exposition scrape tsdb promql remote blocks state journal template rules notify".split(" "),
    ..."bundle review panel draw api config scrapers rulepacks".split(" "),
  ],
  cli: [
    ..."base model config panel draw app scrapers api/client api/codec api/encode".split(" "),
    ..."promql/ast promql/number promql/options promql/parse promql/print promql/value".split(" "),
    "rules/file",
    "rules/unittest",
    "type api",
    "type journal/record",
    "type ui",
    "lazy ui",
  ],
  scrapers: ["type panel/spec", "panel/red", "panel/use"],
  rulepacks: ["base"],
  bin: ["test"],
};

/** Package -> the only places that may import it. */
const HOMES: readonly { readonly packages: RegExp; readonly home: RegExp; readonly why: string }[] = [
  {
    packages: /^(level|classic-level)$/,
    home: /^src\/base\/leveldb\.ts$/,
    why: "two copies of the addon open one database",
  },
  {
    packages: /^blessed(-contrib)?(\/|$)/,
    home: /^src\/draw\/contrib\.ts$/,
    why: "it must be clamped before it draws",
  },
  { packages: /^(ink|react)(\/|$)/, home: /^src\/ui\//, why: "a one-shot must not load a screen" },
  { packages: /^commander$/, home: /^src\/cli\/main\.ts$/, why: "one place knows the command line" },
  { packages: /^zx(\/|$)/, home: /^bin\//, why: "the product never starts a shell" },
];

const LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
/** Fewer files than this means that the scan looked in the wrong place. */
const FILES_MIN = 60;

/** The product's rule packs live in the folder `rules/`, whose name the room `src/rules` has already. */
function roomOf(file: string): string {
  const [top, second] = file.split("/");
  if (top === "rules") return "rulepacks";
  return top === "src" ? (second ?? "") : (top ?? "");
}

function place(target: string): string {
  const inside = target
    .split("/")
    .slice(target.startsWith("src/") ? 2 : 1)
    .join("/");
  return `${roomOf(target)}/${inside.replace(/\.tsx?$/, "")}`;
}

function allowed(from: string, target: string, kind: string): boolean {
  const room = roomOf(target);
  if (room === from) return true;
  return (MAY[from] ?? []).some((entry) => {
    const [word, rest] = entry.split(" ");
    const wanted = rest ?? entry;
    if (rest !== undefined && word !== kind) return false;
    return wanted === room || wanted === place(target) || place(target).startsWith(`${wanted}/`);
  });
}

/** Sentences about every import of these files that crosses a wall. */
function wrongArrows(files: readonly SourceFile[], exists: (file: string) => boolean): readonly string[] {
  const wrong: string[] = [];
  for (const { file, imports } of files) {
    for (const { specifier, kind, line } of imports) {
      if (!specifier.startsWith(".")) continue;
      const target = path.posix.join(path.posix.dirname(file), specifier);
      const at = `${file}:${line}`;
      if (/\.(ya?ml|json)$/.test(target)) continue;
      if (!/\.tsx?$/.test(specifier)) wrong.push(`${at}: "${specifier}" does not end in .ts or .tsx`);
      else if (!exists(target)) wrong.push(`${at}: "${specifier}" does not exist`);
      else if (!allowed(roomOf(file), target, kind))
        wrong.push(`${at}: ${roomOf(file)} may not import ${kind} ${target}`);
    }
  }
  return wrong;
}

function wrongPackages(files: readonly SourceFile[]): readonly string[] {
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as Record<string, object>;
  const shipped = new Set(Object.keys(manifest["dependencies"] ?? {}));
  const known = new Set([...shipped, ...Object.keys(manifest["devDependencies"] ?? {})]);
  const wrong: string[] = [];
  for (const { file, imports } of files) {
    for (const { specifier, kind, line } of imports) {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      // a harness may load what it finds; the product's imports are all known to the bundler
      if (specifier === "(computed)" && file.startsWith("bin/")) continue;
      const name = specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/");
      const usable = file.startsWith("bin/") || kind === "type" ? known : shipped;
      if (!usable.has(name)) wrong.push(`${file}:${line}: "${name}" is not in package.json's dependencies`);
      for (const { packages, home, why } of HOMES) {
        if (packages.test(specifier) && !home.test(file))
          wrong.push(`${file}:${line}: "${specifier}" elsewhere: ${why}`);
      }
    }
  }
  return wrong;
}

const files = readTree(root, ["src", "scrapers", "rules", "bin"]);
const product = files.filter(({ file }) => !file.startsWith("bin/"));

describe("the house", () => {
  test("is scanned whole", () => {
    expect(files.length).toBeGreaterThanOrEqual(FILES_MIN);
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(2 * files.length);
    expect(files.map(({ file }) => roomOf(file)).filter((room) => MAY[room] === undefined)).toEqual([]);
  });

  test("has only the arrows of the table", () => {
    expect(wrongArrows(files, (file) => existsSync(path.join(root, file)))).toEqual([]);
  });

  test("meets each package where it lives", () => {
    expect(wrongPackages(files)).toEqual([]);
  });

  test("has no way back down: the table itself is free of cycles", () => {
    const below = (room: string, seen: readonly string[]): number => {
      if (seen.includes(room)) throw new Error(`a cycle: ${[...seen, room].join(" -> ")}`);
      const under = (MAY[room] ?? []).filter((entry) => !entry.includes(" "));
      return Math.max(0, ...under.map((entry) => 1 + below(entry.split("/")[0] ?? "", [...seen, room])));
    };
    expect(below("cli", [])).toBeGreaterThan(4);
    for (const room of Object.keys(MAY)) below(room, []);
  });

  test("keeps files and functions short enough to read", () => {
    const long = files.flatMap(({ file, lines, functions }) => [
      ...(lines > LINES_MAX ? [`${file}: ${lines} lines`] : []),
      ...functions
        .filter((each) => each.lines > FUNCTION_LINES_MAX)
        .map((each) => `${file}:${each.line}: ${each.lines} lines`),
    ]);
    expect(long).toEqual([]);
  });

  test("says at the top of each file what it is", () => {
    expect(product.filter(({ header }) => !header).map(({ file }) => file)).toEqual([]);
  });

  test("has no drawer for leftovers", () => {
    expect(
      files.map(({ file }) => file).filter((file) => /(^|\/)(utils?|helpers?|common|misc)[./]/.test(file)),
    ).toEqual([]);
  });

  test("reads time through a Clock below app", () => {
    const free = /^src\/(app|cli)\/|^src\/base\/clock\.ts$/;
    // a socket's own time limit belongs to the network, which no test clock moves either
    const timersToo = /^src\/api\//;
    const reads = product
      .filter(({ file }) => !free.test(file))
      .flatMap(({ file, clockReads }) => clockReads.map((read) => ({ file, ...read })))
      .filter(({ file, what }) => !(timersToo.test(file) && what.startsWith("set")));
    expect(reads).toEqual([]);
  });
});

describe("the lock file", () => {
  test("names every platform's optional package: npm ci refuses it otherwise (node bin/lock.ts completes it)", () => {
    const lock = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")) as Parameters<
      typeof missingEntries
    >[0];
    expect([...missingEntries(lock).keys()]).toEqual([]);
    expect(Object.keys(lock.packages).length).toBeGreaterThan(300);
  });

  test("finds what npm would miss", () => {
    const lock = {
      packages: {
        "node_modules/tool": { optionalDependencies: { "tool-linux-x64": "1.0.0", "tool-darwin-arm64": "1.0.0" } },
        "node_modules/tool-linux-x64": { version: "1.0.0" },
      },
    };
    expect([...missingEntries(lock)]).toEqual([
      ["node_modules/tool-darwin-arm64", { version: "1.0.0", cpu: ["arm64"], optional: true, os: ["darwin"] }],
    ]);
  });
});

describe("the wall test itself", () => {
  const cases: readonly {
    readonly file: string;
    readonly text: string;
    readonly wrong: number;
    readonly why: string;
  }[] = [
    { file: "src/promql/a.ts", text: 'import { b } from "../tsdb/b.ts";', wrong: 1, why: "siblings never meet" },
    {
      file: "src/promql/a.ts",
      text: 'import type { B } from "../tsdb/b.ts";',
      wrong: 1,
      why: "types are arrows as well",
    },
    { file: "src/promql/a.ts", text: 'export { b } from "../tsdb/b.ts";', wrong: 1, why: "a re-export is an import" },
    { file: "src/promql/a.ts", text: 'const b = await import("../tsdb/b.ts");', wrong: 1, why: "so is a lazy one" },
    { file: "src/promql/a.ts", text: 'type B = import("../tsdb/b.ts").B;', wrong: 1, why: "and an import type" },
    {
      file: "src/promql/a.ts",
      text: '// import "../tsdb/b.ts"\nconst s = `import "../tsdb/b.ts"`;',
      wrong: 0,
      why: "text is not",
    },
    {
      file: "src/ui/a.tsx",
      text: 'import type { Source } from "../api/source.ts";',
      wrong: 0,
      why: "Source as a type is the joint",
    },
    {
      file: "src/ui/a.tsx",
      text: 'import { Source } from "../api/source.ts";',
      wrong: 1,
      why: "Source as code is not",
    },
    { file: "src/cli/a.ts", text: 'const ui = await import("../ui/mount.tsx");', wrong: 0, why: "ui comes lazily" },
    { file: "src/cli/a.ts", text: 'import { mountTop } from "../ui/mount.tsx";', wrong: 1, why: "and only so" },
    { file: "src/panel/a.ts", text: 'import { x } from "../promql/value.ts";', wrong: 0, why: "one file of a room" },
    { file: "src/panel/a.ts", text: 'import { x } from "../promql/engine.ts";', wrong: 1, why: "is not the room" },
    { file: "src/base/a.ts", text: 'import { x } from "./b";', wrong: 1, why: "imports name the file" },
  ];
  test.each(cases)("$file: $text ($why)", ({ file, text, wrong }) => {
    expect(wrongArrows([readSource(file, text)], () => true)).toHaveLength(wrong);
  });
});
