/**
 * file_sd: target groups from files that other programs write. Directories are watched, and read again every refresh
 * interval, because watching misses changes on some file systems.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { DiscoveryConfig, TargetGroup } from "../model/job.ts";
import type { Discovery, DiscoveryOptions } from "./discovery.ts";
import { UserError } from "../base/errors.ts";
import { causeSentence } from "./cause.ts";
import { parseTargetGroups } from "./groups.ts";

/** A writer replaces a file in several steps; reading waits until it is quiet. */
const SETTLE_MS = 100;
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const FILES_MAX = 10_000;

/** `*` and `?` in the last part of a path, as Prometheus allows. */
function namePattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${escaped}$`);
}

async function expand(pattern: string): Promise<readonly string[]> {
  const name = basename(pattern);
  if (!/[*?]/.test(name)) return [pattern];
  const matcher = namePattern(name);
  const entries = await readdir(dirname(pattern)).catch((): string[] => []);
  return entries
    .filter((entry) => matcher.test(entry))
    .sort()
    .slice(0, FILES_MAX)
    .map((entry) => join(dirname(pattern), entry));
}

async function readGroups(file: string): Promise<readonly TargetGroup[]> {
  const { size } = await stat(file);
  if (size > FILE_BYTES_MAX)
    throw new UserError("bad-target-groups", `${file}: ${size} bytes, more than ${FILE_BYTES_MAX}`);
  return parseTargetGroups(await readFile(file, "utf8"), file, { __meta_filepath: file });
}

class FileDiscovery implements Discovery {
  readonly #config: DiscoveryConfig & { readonly kind: "file" };
  readonly #options: DiscoveryOptions;
  readonly #onGroups: (groups: readonly TargetGroup[]) => void;
  readonly #patterns: readonly string[];
  readonly #watchers: FSWatcher[] = [];
  #known: ReadonlyMap<string, readonly TargetGroup[]> = new Map();
  #timer: Disposable | undefined;
  #settle: Disposable | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    config: DiscoveryConfig & { readonly kind: "file" },
    options: DiscoveryOptions,
    onGroups: (groups: readonly TargetGroup[]) => void,
  ) {
    this.#config = config;
    this.#options = options;
    this.#onGroups = onGroups;
    this.#patterns = config.files.map((file) => resolve(options.baseDir, file));
  }

  async start(): Promise<void> {
    this.#watch();
    await this.#refresh();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    this.#settle?.[Symbol.dispose]();
    for (const watcher of this.#watchers) watcher.close();
    await this.#reading;
  }

  #watch(): void {
    for (const directory of new Set(this.#patterns.map((pattern) => dirname(pattern)))) {
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#changed());
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch (error) {
        const cause = causeSentence(error, directory);
        this.#options.log.warn("a directory of file_sd is not watched, only read again", { directory, cause });
      }
    }
  }

  #changed(): void {
    if (this.#closed) return;
    this.#settle?.[Symbol.dispose]();
    this.#settle = this.#options.clock.after(SETTLE_MS, () => void this.#refresh());
  }

  #refresh(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    if (this.#closed) return;
    const next = new Map<string, readonly TargetGroup[]>();
    for (const pattern of this.#patterns) {
      for (const file of await expand(pattern)) {
        try {
          next.set(file, await readGroups(file));
        } catch (error) {
          // A file that is gone takes its targets along; one that cannot be read keeps them.
          const gone = error instanceof Error && "code" in error && error.code === "ENOENT";
          const before = this.#known.get(file);
          if (!gone && before !== undefined) next.set(file, before);
          this.#options.log.warn("a file of file_sd is not used", { file, cause: causeSentence(error, file) });
        }
      }
    }
    if (this.#closed) return;
    this.#known = next;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.after(Math.max(this.#config.refreshMs, SETTLE_MS), () => void this.#refresh());
    this.#onGroups([...next.values()].flat());
  }
}

export function watchFiles(
  config: DiscoveryConfig & { readonly kind: "file" },
  options: DiscoveryOptions,
  onGroups: (groups: readonly TargetGroup[]) => void,
): Discovery {
  return new FileDiscovery(config, options, onGroups);
}
