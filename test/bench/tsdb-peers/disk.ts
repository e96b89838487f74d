/**
 * Bytes on disk for a sample: two hours of 15-second pages, recorded from real exporters or generated, sent page by
 * page, then brought to where each program keeps its past: a block, a merged part, sealed chunks.
 */
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { pause, tempDir } from "../../support/process.ts";
import { type Feed, feed } from "./feed.ts";
import { TargetModel } from "./model.ts";
import { readPages, tableOf } from "./pages.ts";
import { directoryBytes, type Kind, type Program, startProgram } from "./programs.ts";

const PAGES = 480;
const STEP_MS = 15_000;

function times(end: number, pages: number): Float64Array {
  return Float64Array.from({ length: pages }, (_, i) => end - (pages - 1 - i) * STEP_MS);
}

/** The modelled pages of `targets` machines. */
export function modelFeed(targets: number, end: number): Feed {
  const models = Array.from({ length: targets }, (_, k) => new TargetModel(k + 1));
  const labels = models.flatMap((model, k) => model.labels({ instance: `node-${k}:9100`, job: "node" }));
  const rows: Float64Array[] = [];
  for (let page = 0; page < PAGES; page++) {
    const row = new Float64Array(labels.length);
    models.forEach((model, k) => {
      model.step(STEP_MS / 1_000);
      row.set(model.values, k * model.values.length);
    });
    rows.push(row);
  }
  return { labels, times: times(end, PAGES), value: (series, row) => rows[row]?.[series] as number };
}

/** Recorded pages, one each 15 s whatever their pace was: what a store sees of time is the distance. */
export function recordedFeed(files: readonly (readonly [job: string, file: string])[], end: number): Feed {
  const tables = files.map(([job, file]) =>
    tableOf(readPages(file).pages.slice(0, PAGES), { instance: `${job}:9100`, job }),
  );
  const pages = Math.min(...tables.map(({ rows }) => rows.length));
  const rows = Array.from({ length: pages }, (_, i) =>
    Float64Array.from(tables.flatMap((table) => [...(table.rows[i] as Float64Array)])),
  );
  const labels = tables.flatMap((table) => table.labels);
  return { labels, times: times(end, pages), value: (series, row) => rows[row]?.[series] as number };
}

async function settledBytes(program: Program): Promise<number> {
  const { kind, url, dir } = program;
  if (kind === "VictoriaMetrics") {
    await fetch(`${url}/internal/force_flush`);
    await fetch(`${url}/internal/force_merge`);
    await pause(3_000);
    await program.end("SIGTERM");
    return directoryBytes(path.join(dir, "data")) + directoryBytes(path.join(dir, "indexdb"));
  }
  if (kind === "Prometheus") {
    await fetch(`${url}/api/v1/admin/tsdb/snapshot`, { method: "POST" });
    await program.end("SIGKILL");
    const [name] = readdirSync(path.join(dir, "snapshots"));
    return directoryBytes(path.join(dir, "snapshots", name as string));
  }
  await program.end("SIGTERM");
  const store = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 });
  await store.flush();
  await store.close();
  // Opening once more moves LevelDB's journal into tables, as it does while the program runs on.
  await (await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 })).close();
  // The other directory beside these, `state`, is of alerts and notifications.
  return ["series", "log"].reduce(
    (sum, one) => sum + directoryBytes(path.join(dir, one)),
    statSync(path.join(dir, "marks")).size,
  );
}

export async function bytesPerSample(kinds: readonly Kind[], data: Feed): Promise<ReadonlyMap<Kind, number>> {
  using home = tempDir();
  const programs: Program[] = [];
  try {
    for (const kind of kinds) programs.push(await startProgram(kind, home.path));
    const samples = await feed(programs, data);
    const found = new Map<Kind, number>();
    for (const program of programs) found.set(program.kind, (await settledBytes(program)) / samples);
    return found;
  } finally {
    for (const program of programs) await program.end("SIGKILL");
  }
}
