/** `opsmon export`: samples as OpenMetrics text, for opsmon, Prometheus and files. */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { EXIT, UserError } from "../../base/errors.ts";
import { dataDirOf } from "../../config/paths.ts";
import { counted } from "../../model/count.ts";
import { parseTime } from "../../model/time.ts";
import { LOOKBACK_MS_DEFAULT } from "../../promql/options.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { visible } from "../output/visible.ts";
import { progressBar } from "../progress.ts";
import { livingEngine, SOURCE_OPTIONS, urlSource } from "../source.ts";

/** The whole range when nothing is said: the ends of what a Date can be, ms. */
const ALWAYS = { start: -8.64e15, end: 8.64e15 } as const;
/** Other servers answer remote read from 1970 on. */
const UNIX_START = 0;
/** zstd has no checksum unless told: a flipped byte would come back as another value. */
const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

interface Sink {
  readonly write: (text: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

function sinkFor(call: Invocation, file: string | undefined): Sink {
  if (file === undefined || file === "-") {
    const write = async (text: string): Promise<void> => {
      call.io.out(text);
      // A reader slower than us must not fill the memory.
      if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
    };
    return { write, end: async () => undefined };
  }
  const out = createWriteStream(file);
  const packed: Writable = file.endsWith(".gz")
    ? createGzip()
    : file.endsWith(".zst")
      ? createZstdCompress(CHECKED)
      : out;
  if (packed !== out) packed.pipe(out);
  const failed = new Promise<never>((_, reject) => {
    out.once("error", (cause) => {
      reject(new UserError("unwritable", `cannot write "${file}": ${cause.message}`, { cause }));
    });
  });
  failed.catch(() => undefined);
  const closed = once(out, "close");
  closed.catch(() => undefined);
  return {
    async write(text) {
      if (!packed.write(text)) await Promise.race([once(packed, "drain"), failed]);
    },
    async end() {
      packed.end();
      await Promise.race([closed, failed]);
    },
  };
}

export const exportCommand: CommandSpec = {
  name: "export",
  summary: "print raw samples as OpenMetrics text",
  args: [["[selector]", 'as in PromQL: up, {job="redis"}; default: everything']],
  options: [
    { flags: "--start <time>", help: "from this moment (default: the oldest sample)" },
    { flags: "--end <time>", help: "until this moment (default: the newest)" },
    { flags: "--file <file>", help: "write there instead of standard output; .gz and .zst are compressed" },
    { flags: "--utc", help: "read times in UTC" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon export --start -6h '{job=\"redis\"}' > redis.om", ""],
    ["opsmon export --file all.om.zst", "opsmon import and promtool read it again"],
    ["opsmon export --url http://prometheus:9090 --start -1d | opsmon import", "move house"],
  ],
  async run(call) {
    const { options, io, clock } = call;
    const samples = await import("../../app/samples.ts");
    const time = (name: string): number | undefined => {
      const text = options.text(name);
      return text === undefined ? undefined : parseTime(text, clock.now(), options.flag("utc"));
    };
    const matchers = samples.selectorMatchers(call.args[0]);
    const sink = sinkFor(call, options.text("file"));
    using progress = await progressBar(call, "export");
    const wishes = { matchers, onProgress: (done: number, all: number) => progress.update(done, all) };
    const other = urlSource(call);
    const server = other ?? (await livingEngine(call));
    const range = {
      start: time("start") ?? (other === undefined ? ALWAYS.start : UNIX_START),
      // Stores of opsmon may hold what a clock that was ahead has written.
      end: time("end") ?? (other === undefined ? ALWAYS.end : clock.now()),
    };
    const report =
      server === undefined
        ? await samples.exportFromDirectory(dataDirOf(options.text("data"), io.env), clock, sink.write, {
            ...wishes,
            ...range,
          })
        : { ...(await samples.exportFromServer(server, sink.write, { ...wishes, ...range })), damaged: undefined };
    await sink.end();
    progress[Symbol.dispose]();
    // Remote read has no words for what is not there; another server says nothing about its store.
    const status = other === undefined ? await server?.status() : undefined;
    const { missing = { gaps: [], losses: [] } } = status ?? {};
    const warnings = [...report.warnings, ...samples.missingIn(missing, range.start, range.end)];
    for (const warning of warnings) io.err(`warning: ${warning}\n`);
    const markers =
      report.staleMarkers === 0 ? "" : `, ${counted(report.staleMarkers, "stale marker")} (NaN for others)`;
    io.err(`${counted(report.samples, "sample")} of ${report.series} series${markers}\n`);
    const selector = call.args[0];
    if (report.samples === 0 && selector !== undefined && server !== undefined) {
      const { whyEmpty } = await import("../why-empty.ts");
      io.err(`${visible(await whyEmpty(server, selector, clock.now(), LOOKBACK_MS_DEFAULT, options.flag("utc")))}\n`);
    }
    // Known once all has been read.
    const damaged = report.damaged ?? status?.damaged ?? 0;
    if (damaged === 0) return EXIT.ok;
    io.err(
      `warning: ${counted(damaged, "place")} of the store cannot be read, and what was there is not in the export\n` +
        'hint: "opsmon status" names them\n',
    );
    return EXIT.damaged;
  },
};
