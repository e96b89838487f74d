/**
 * `npm run build`: src/cli/main.ts with everything it needs -> dist/bundle.cjs (one CommonJS file), the query thread's
 * part of it -> dist/query-thread.cjs, the engine's -> dist/serve.cjs and what that seldom needs -> dist/apart.cjs, the LevelDB
 * addon beside them, and dist/opsmon.cjs, a loader of a few lines that
 * keeps compiled code beside it: a large bundle without that starts slower than loose files.
 * `--minify` writes the same to build/ instead, for the single binary, so that packaging and testing keep their
 * own outputs. Nothing is done when no input changed; outputs appear by rename, so a running reader never sees half.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { build, type Plugin, type StdinOptions } from "esbuild";
import { importsByPrototype } from "./bundle/imports.ts";
import { APART_CODE, apart, bundlePlugins, only } from "./bundle/plugins.ts";

const root: string = path.resolve(import.meta.dirname, "..");

/** Beside the bundles: compiled code by build and kind of command. */
const CACHE_DIR = ".compile-cache";

function cacheStamp(stamp: string): string {
  return stamp.slice(0, 16);
}

/** Everything whose change makes a new bundle. */
const INPUTS = ["src", "scrapers", "rules", "bin/bundle", "bin/build.ts", "package.json", "package-lock.json"];

/**
 * Keeps V8's compiled code of what a start really runs, by kind of command and by bundle. Node's own compile cache holds
 * the outermost functions only, and is written at the end, which a killed engine never reaches.
 */
const loader = (stamp: string): string => `"use strict";
// Written by bin/build.ts. A missing or read-only cache directory only costs start-up time.
const fs = require("node:fs");
const path = require("node:path");
const { Script } = require("node:vm");
const dir = path.join(__dirname, "${CACHE_DIR}");
const word = process.argv[2];
const bundle = path.join(__dirname, word === "serve" ? "serve.cjs" : "bundle.cjs");
const file = path.join(dir, "${cacheStamp(stamp)}-" + (word === "serve" || word === "top" ? word : "short"));
const read = (name) => {
  try {
    return fs.readFileSync(name);
  } catch {
    return undefined;
  }
};
const cachedData = read(file);
const script = new Script(fs.readFileSync(bundle).latin1Slice(), { filename: bundle, cachedData });
if (cachedData === undefined || script.cachedDataRejected) {
  let kept = false;
  const keep = () => {
    if (kept) return;
    kept = true;
    try {
      fs.mkdirSync(dir, { recursive: true });
      for (const name of fs.readdirSync(dir)) if (!name.startsWith("${cacheStamp(stamp)}")) fs.rmSync(path.join(dir, name), { recursive: true });
      fs.writeFileSync(file + "." + process.pid, script.createCachedData());
      fs.renameSync(file + "." + process.pid, file);
    } catch {}
  };
  // an engine that ends at once, as on a port that is taken, has run too little to be worth keeping
  if (word !== "serve") process.once("exit", keep);
  setTimeout(keep, ${KEEP_AFTER_MS}).unref();
}
script.runInThisContext()(exports, require, module, bundle, __dirname);
`;

/** By then an engine has answered its first questions; before src/app/heap.ts sets a flag of V8. */
const KEEP_AFTER_MS = 3_000;

interface BuildOptions {
  readonly entry: string;
  readonly outDir: string;
  readonly minify: boolean;
}

function fingerprint(options: BuildOptions): string {
  const hash = createHash("sha256").update(JSON.stringify(options));
  const add = (relative: string): void => {
    const stat = statSync(path.join(root, relative));
    if (stat.isDirectory()) {
      for (const name of readdirSync(path.join(root, relative)).sort()) add(path.join(relative, name));
    } else {
      hash.update(`${relative}\0${stat.size}\0${stat.mtimeMs}\n`);
    }
  };
  for (const input of INPUTS) add(input);
  return hash.digest("hex");
}

function upToDate(stampFile: string, stamp: string, outputs: readonly string[]): boolean {
  try {
    for (const output of outputs) statSync(output);
    return readFileSync(stampFile, "utf8") === stamp;
  } catch {
    return false;
  }
}

/** A bundle as a script's text. Joined here: at each start it would cost a copy of the whole text. */
function asScript(bundle: string): string {
  return `(function (exports, require, module, __filename, __dirname) {${importsByPrototype(bundle)}\n})`;
}

/** Puts `text` at `file` in one step. */
function publish(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, file);
}

/** What a thread runs is a file of its own: it starts in a fraction of the whole bundle's time. */
const THREAD = "src/app/query-worker/main.ts";

/** What the engine's bundle leaves to a file of its own. */
const APART_FILE = "apart.cjs";

type Entry = { readonly entryPoints: string[] } | { readonly stdin: StdinOptions };

async function bundled(
  entry: string | StdinOptions,
  options: BuildOptions,
  plugins: readonly Plugin[] = [],
): Promise<string> {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
  const from: Entry = typeof entry === "string" ? { entryPoints: [entry] } : { stdin: entry };
  const result = await build({
    ...from,
    absWorkingDir: root,
    outfile: path.join(options.outDir, "bundle.cjs"),
    write: false,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    jsx: "automatic",
    // literals are compiled at first use; lowered to new RegExp() the emoji tables would cost each start 10 ms.
    // The bundle runs as a script, which has no import(): what node itself brings is required instead.
    supported: { "regexp-set-notation": true, "dynamic-import": false },
    // names stay in the checkout's bundle, so that a stack trace still says where; white space costs start-up time
    ...(options.minify ? { minify: true } : { minifyWhitespace: true, minifySyntax: true }),
    legalComments: "none",
    loader: { ".yml": "text", ".yaml": "text" },
    define: {
      "process.env.NODE_ENV": '"production"',
      "process.env.DEV": '"false"',
      "process.env.OPSMON_VERSION": JSON.stringify(version),
      "import.meta.url": "__moduleUrl",
      "import.meta.dirname": "__dirname",
    },
    banner: { js: 'const __moduleUrl=require("node:url").pathToFileURL(process.execPath).href;' },
    plugins: [...plugins, ...bundlePlugins(root)],
    logLevel: "warning",
  });
  const [bundle] = result.outputFiles;
  if (bundle === undefined) throw new Error("esbuild gave no output");
  return bundle.text;
}

async function run(options: BuildOptions): Promise<string> {
  const at = (name: string): string => path.join(options.outDir, name);
  const stamp = fingerprint(options);
  const outputs = ["bundle.cjs", "serve.cjs", APART_FILE, "query-thread.cjs", "opsmon.cjs", "classic-level.node"];
  if (upToDate(at(".stamp"), stamp, outputs.map(at))) return "up to date";
  const startedAt = performance.now();
  mkdirSync(options.outDir, { recursive: true });
  const [bundle, serve, rest, thread] = await Promise.all([
    bundled(options.entry, options),
    bundled(options.entry, options, [only("serve"), apart(APART_FILE)]),
    bundled({ contents: APART_CODE, resolveDir: root }, options),
    bundled(THREAD, options),
  ]);
  const addon = path.join(root, `node_modules/classic-level/prebuilds/${addonFor(process.arch)}`);
  copyFileSync(addon, `${at("classic-level.node")}.${process.pid}`);
  renameSync(`${at("classic-level.node")}.${process.pid}`, at("classic-level.node"));
  publish(at("bundle.cjs"), asScript(bundle));
  publish(at("serve.cjs"), asScript(serve));
  publish(at(APART_FILE), rest);
  publish(at("query-thread.cjs"), importsByPrototype(thread));
  publish(at("opsmon.cjs"), loader(stamp));
  if (!options.minify) rehearse(options.outDir, stamp);
  publish(at(".stamp"), stamp);
  const kb = Math.round(bundle.length / 1024);
  return `${path.relative(root, at("bundle.cjs"))} ${kb} KiB in ${Math.round(performance.now() - startedAt)} ms`;
}

/** Usually a second; a build goes on without. */
const REHEARSAL_MS_MAX = 60_000;

/**
 * Keeps the compiled code of an engine that comes back after a kill. What the launcher keeps otherwise is of whatever an engine has
 * run in its first seconds, which is more than a start needs and less than a restart does.
 */
function rehearse(outDir: string, stamp: string): void {
  const at = (name: string): string => path.join(outDir, name);
  const dir = at(CACHE_DIR);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  const argv = [
    "--no-warnings",
    path.join(root, "bin/bundle/warm.ts"),
    at("serve.cjs"),
    path.join(dir, `${cacheStamp(stamp)}-serve`),
  ];
  const ran = spawnSync(process.execPath, [...argv, "restart"], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: REHEARSAL_MS_MAX,
    killSignal: "SIGKILL",
  });
  // the first engine will keep its own then
  if (ran.status !== 0) console.error(`build: starts are not rehearsed: ${ran.stderr.trim().split("\n")[0] ?? ""}`);
}

function addonFor(arch: string): string {
  if (arch === "x64") return "linux-x64/classic-level.node";
  if (arch === "arm64") return "linux-arm64/classic-level.armv8.node";
  throw new Error(`opsmon runs on x64 and arm64, not on "${arch}"`);
}

const { values } = parseArgs({
  options: { minify: { type: "boolean", default: false }, entry: { type: "string" }, out: { type: "string" } },
});
try {
  const summary = await run({
    entry: values.entry ?? "src/cli/main.ts",
    outDir: path.resolve(values.out ?? path.join(root, values.minify ? "build" : "dist")),
    minify: values.minify,
  });
  console.error(`build: ${summary}`);
} catch (error) {
  // esbuild has printed each mistake with its place; a stack of this file would only hide them
  console.error(`build: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`);
  process.exitCode = 1;
}
