/**
 * `npm run package`: the minified bundle in build/ and the Node binary from node_modules -> dist/opsmon, one file
 * that runs where there is no Node. pkg's SEA builder is called below its command line, because only there can it
 * be given a Node binary instead of downloading one. The base is stripped before the injection: afterwards it
 * would cut the program off. Compiled code goes in beside the bundle, so
 * that a start does not parse it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

type BuildSea = (
  entry: string,
  options: {
    readonly targets: readonly { platform: string; arch: string; nodeRange: string; output: string }[];
    readonly nodePath: string;
    readonly signature: boolean;
    readonly seaConfig: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;

const root: string = path.resolve(import.meta.dirname, "..");
const at = (...parts: string[]): string => path.join(root, ...parts);
const require = createRequire(import.meta.url);

/** The runtime the package was tested with, from the lock file; never the Node that happens to be on PATH. */
function runtime(): string {
  const file = at(`node_modules/node-linux-${process.arch}/bin/node`);
  try {
    statSync(file);
  } catch {
    throw new Error(`${path.relative(root, file)} is missing: run npm ci on x64 or arm64 Linux`);
  }
  return file;
}

function strippedBase(node: string): string {
  const base = at("build/node-base");
  copyFileSync(node, base);
  chmodSync(base, 0o755);
  if (spawnSync("strip", ["-s", base]).status !== 0) {
    console.error("package: strip (binutils) is not installed; the binary is some 18 MB larger");
    copyFileSync(node, base);
  }
  return base;
}

/**
 * What the binary runs first: the bundle from its assets, with the compiled code that bin/bundle/warm.ts made. Node's
 * own code cache would hold only the outermost functions, because it is taken before anything has run.
 */
const MAIN = `"use strict";
const sea = require("node:sea");
const { Script } = require("node:vm");
const path = require("node:path");
const bytes = (name) => Buffer.from(sea.getRawAsset(name));
const long = process.argv[2] === "top" || process.argv[2] === "serve";
const cachedData = bytes(long ? "long.cache" : "short.cache");
const script = new Script(bytes("bundle.txt").latin1Slice(), { filename: "opsmon.cjs", cachedData });
script.runInThisContext()(exports, require, module, process.execPath, path.dirname(process.execPath));
`;

function warmed(kind: "short" | "long"): string {
  const cache = at(`build/${kind}.cache`);
  const argv = ["--no-warnings", at("bin/bundle/warm.ts"), at("build/bundle.txt"), cache, kind];
  execFileSync(node, argv, { stdio: ["ignore", "ignore", "inherit"] });
  return cache;
}

const startedAt: number = performance.now();
const node: string = runtime();
mkdirSync(at("dist"), { recursive: true });
mkdirSync(at("build"), { recursive: true });
const draft: string = at("build/opsmon.draft");
writeFileSync(at("build/main.cjs"), MAIN);
// esbuild escapes what is not ASCII, so one byte is one character
copyFileSync(at("build/bundle.cjs"), at("build/bundle.txt"));
const sea = (require(at("node_modules/@yao-pkg/pkg/lib-es5/sea.js")) as { default: BuildSea }).default;
await sea(at("build/main.cjs"), {
  targets: [{ platform: "linux", arch: process.arch, nodeRange: "node24", output: draft }],
  nodePath: strippedBase(node),
  signature: false,
  seaConfig: {
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
    useSnapshot: false,
    execArgv: ["--no-warnings", "--max-semi-space-size=4", "--min-semi-space-size=1"],
    // NODE_OPTIONS of whoever starts it must not reach into the binary.
    execArgvExtension: "none",
    assets: {
      "bundle.txt": at("build/bundle.txt"),
      "short.cache": warmed("short"),
      "long.cache": warmed("long"),
      "query-thread.cjs": at("build/query-thread.cjs"),
      "classic-level.node": at("build/classic-level.node"),
    },
  },
});
chmodSync(draft, 0o755);
const version: string = execFileSync(draft, ["--version"], { encoding: "utf8" }).trim();
renameSync(draft, at("dist/opsmon"));
rmSync(at("build/node-base"), { force: true });
const mb = (statSync(at("dist/opsmon")).size / 1e6).toFixed(1);
console.error(`package: dist/opsmon (${version}) ${mb} MB in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
