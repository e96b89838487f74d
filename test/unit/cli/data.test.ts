/** export, import, backup, restore and fsck as commands, against an engine in this process and without one. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { startEngine } from "../../../src/app/engine.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { type CommandSpec, Options } from "../../../src/cli/command.ts";
import { backup, restore } from "../../../src/cli/commands/backup.ts";
import { fsck } from "../../../src/cli/commands/fsck.ts";
import { silence } from "../../../src/cli/commands/silence.ts";
import { exportCommand } from "../../../src/cli/commands/export.ts";
import { importCommand } from "../../../src/cli/commands/import.ts";
import { rangeOf } from "../../../src/tsdb/keys.ts";
import { Damage } from "../../../src/tsdb/damage.ts";
import { Marks } from "../../../src/tsdb/marks.ts";
import { writeBlock } from "../../support/blocks.ts";
import { tempDir } from "../../support/process.ts";
import { QUIET_ENGINE } from "../../support/engine-options.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(spec: CommandSpec, args: readonly string[], options: Record<string, unknown>): Promise<Ran> {
  let out = "";
  let err = "";
  const io = {
    env: {},
    stdoutIsTty: false,
    stderrIsTty: false,
    columns: 80,
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    readStdin: async () => "",
  };
  const code = (await spec.run?.({ args, options: new Options(options), io, clock: systemClock })) ?? -1;
  return { code, out, err };
}

async function engineOn(dataDir: string): Promise<AsyncDisposable> {
  writeFileSync(`${dataDir}.yml`, "opsmon: {host_collector: {enabled: false}, discover: {enabled: false}}\n");
  const engine = await startEngine({
    ...QUIET_ENGINE,
    dataDir,
    socketPath: path.join(dataDir, "opsmon.sock"),
    configFile: `${dataDir}.yml`,
  });
  return { [Symbol.asyncDispose]: () => engine.stop("the test is over") };
}

const NOW = Math.floor(Date.now() / 1000);
const FILE = [
  "# TYPE jobs_done counter",
  "# HELP jobs_done Finished jobs.",
  ...[5, 4, 3, 2, 1].map((age) => `jobs_done{queue="a b"} ${100 - age} ${NOW - age * 60}.500`),
  `room_celsius -0 ${NOW - 60}`,
  `room_celsius +Inf ${NOW - 30}`,
  "# EOF",
  "",
].join("\n");

describe("samples out and in", () => {
  test("what one engine exports another directory takes, and the other way round", async () => {
    using home = tempDir();
    const [a, b, file] = ["a", "b", "in.om"].map((name) => path.join(home.path, name)) as [string, string, string];
    writeFileSync(file, FILE);
    let exported: string;
    {
      await using _ = await engineOn(a);
      expect(await run(importCommand, [file], { data: a })).toMatchObject({ code: 0, out: "" });
      const all = await run(exportCommand, ["{__name__=~'jobs.*|room.*'}"], { data: a });
      exported = all.out;
      expect(exported.split("\n").sort()).toEqual(FILE.split("\n").sort());
      expect((await run(exportCommand, ["jobs_done"], { data: a, start: `${NOW - 130}` })).err).toContain("2 samples");
      const packed = path.join(home.path, "all.om.zst");
      expect((await run(exportCommand, ["room_celsius"], { data: a, file: packed })).code).toBe(0);
      expect((await run(importCommand, [packed], { data: b })).err).toContain("2 samples taken");
    }
    writeFileSync(file, exported);
    expect(await run(importCommand, [file], { data: b })).toMatchObject({ code: 0 });
    expect((await run(exportCommand, [], { data: b })).out).toBe(exported);
  });

  test("an export without times has everything, also what a clock that was ahead has written", async () => {
    using home = tempDir();
    const [data, file] = [path.join(home.path, "d"), path.join(home.path, "in.om")];
    writeFileSync(file, `ahead 1 -5\nahead 2 ${NOW}\nahead 3 ${NOW + 300}\n# EOF\n`);
    await run(importCommand, [file], { data });
    expect((await run(exportCommand, ["ahead"], { data })).err).toContain("3 samples");
    await using _ = await engineOn(data);
    expect((await run(exportCommand, ["ahead"], { data })).err).toContain("3 samples");
  });

  test("broken lines are named with file and line, the others are taken", async () => {
    using home = tempDir();
    const file = path.join(home.path, "in.om");
    writeFileSync(file, `ok 1 ${NOW}\nbad{ 1 ${NOW}\nno_time 2\nok2 1 ${NOW}\n`);
    const ran = await run(importCommand, [file], { data: path.join(home.path, "d") });
    expect(ran.code).toBe(3);
    expect(ran.err).toContain(`${file}:2: expected a label name at column 6`);
    expect(ran.err).toContain(`${file}:3: a sample needs a timestamp in seconds`);
    expect(ran.err).toContain("2 samples taken, 2 lines broken");
    await expect(run(importCommand, [path.join(home.path, "nosuch")], {})).rejects.toMatchObject({
      code: "unreadable",
      exit: 3,
    });
  });

  test.each(["zst", "gz"])(
    "a flipped byte of a packed export is never taken for another value (%s)",
    async (suffix) => {
      using home = tempDir();
      const file = path.join(home.path, "in.om");
      writeFileSync(
        file,
        `${Array.from({ length: 2_000 }, (_, i) => `n{i="${i}"} ${Math.sin(i)} ${NOW}\n`).join("")}# EOF\n`,
      );
      const [a, b] = [path.join(home.path, "a"), path.join(home.path, "b")];
      await run(importCommand, [file], { data: a });
      const packed = path.join(home.path, `out.om.${suffix}`);
      await run(exportCommand, [], { data: a, file: packed });
      const whole = readFileSync(packed);
      for (const part of [0.3, 0.6, 0.9]) {
        const bytes = Buffer.from(whole);
        const at = Math.floor(bytes.length * part);
        bytes[at] = (bytes[at] as number) ^ 4;
        writeFileSync(packed, bytes);
        await expect(run(importCommand, [packed], { data: b })).rejects.toMatchObject({ code: "bad-input", exit: 3 });
        expect((await run(exportCommand, [], { data: b })).out).not.toContain("n{");
      }
    },
  );

  const cut = (text: string): Buffer => gzipSync(text).subarray(0, -20);
  const many = Array.from({ length: 30_000 }, (_, i) => `n{i="${i}"} ${Math.sin(i)} ${NOW}\n`).join("");
  const inputs: readonly (readonly [why: string, content: string | Buffer, code: number, said: readonly string[]])[] = [
    ["whole", `a 1 ${NOW}\nb 2 ${NOW}\n# EOF`, 0, ["in.om: 2 samples taken\n"]],
    ["cut between lines", `a 1 ${NOW}\n`, 0, ['no "# EOF" at its end; was it cut short?', "1 sample taken"]],
    [
      "cut in a number",
      `a 1 ${NOW}\nb 2 17`,
      3,
      ["in.om:2: the input ends within this line", "1 sample taken, 1 line broken"],
    ],
    ["cut in a compressed stream", cut(many), 3, ["behind line", "unexpected end", "samples taken\n"]],
    [
      "a line too long to keep",
      `a 1 ${NOW}\nb{l="${"x".repeat(34 << 20)}"} 1 ${NOW}\nc 1 ${NOW}\n# EOF\n`,
      3,
      ["in.om:2: the line is longer than", "2 samples taken, 1 line broken"],
    ],
  ];
  test.each(inputs)("import of a file %s takes what is whole and says what is not", async (_, content, code, said) => {
    using home = tempDir();
    const file = path.join(home.path, "in.om");
    writeFileSync(file, content);
    const ran = await run(importCommand, [file], { data: path.join(home.path, "d") });
    for (const text of said) expect(ran.err).toContain(text);
    expect(ran.err).not.toContain(": 0 samples");
    expect(ran.code).toBe(code);
  });

  test("a directory of blocks is known as such; into an engine it comes as it does into a directory", async () => {
    using home = tempDir();
    const block = path.join(home.path, "01A");
    const samples = [5, 4, 3].map((age) => ({ t: (NOW - age * 60) * 1000, v: age === 4 ? undefined : age / 3 }));
    writeBlock(block, [
      { labels: { __name__: "moved", job: "x" }, chunks: [samples] },
      { labels: { __name__: "native" }, chunks: [samples], encoding: 3 },
    ]);
    const [a, b] = ["a", "b"].map((name) => path.join(home.path, name)) as [string, string];
    const first = await run(importCommand, [home.path], { data: b });
    expect(first.err).toContain("skipped: 3 samples of native histograms, which are not stored: native");
    expect(first).toMatchObject({ code: 0, err: expect.stringContaining("3 samples taken, from 1 block") });
    {
      await using _ = await engineOn(a);
      expect((await run(importCommand, [block], { data: a })).err).toContain("3 samples taken, from 1 block");
      expect((await run(exportCommand, ["movd"], { data: a })).err).toBe(
        "0 samples of 0 series\nempty: movd was never scraped; did you mean moved?\n",
      );
      expect((await run(exportCommand, ["moved"], { data: a })).out).toBe(
        (await run(exportCommand, ["moved"], { data: b })).out,
      );
    }
    await expect(run(importCommand, [path.join(home.path, "a")], { data: b })).rejects.toMatchObject({
      code: "not-a-snapshot",
      exit: 3,
    });
  });

  test("a damaged block costs that block; its files are not taken for text", async () => {
    using home = tempDir();
    const sample = { t: NOW * 1000, v: 1 };
    for (const [name, metric] of [
      ["01A", "first"],
      ["01B", "second"],
    ] as const)
      writeBlock(path.join(home.path, "snap", name), [{ labels: { __name__: metric }, chunks: [[sample]] }]);
    const index = path.join(home.path, "snap/01A/index");
    writeFileSync(index, readFileSync(index).subarray(0, 60));
    const data = path.join(home.path, "d");
    const ran = await run(importCommand, [path.join(home.path, "snap")], { data });
    expect(ran.code).toBe(3);
    expect(ran.err).toContain("01A/index at byte ");
    expect(ran.err).toContain("1 sample taken, from 2 blocks, 1 damaged place passed over");
    await expect(run(importCommand, [path.join(home.path, "snap/01B/index")], { data })).rejects.toMatchObject({
      code: "bad-input",
      hint: expect.stringContaining("name the block's directory"),
    });
  });

  test("a running engine takes what only tiers keep, says so, and refuses what nothing keeps", async () => {
    using home = tempDir();
    const file = path.join(home.path, "old.om");
    const day = 86_400;
    writeFileSync(file, [1, 30, 200, 500].map((age) => `old ${age} ${NOW - age * day}\n`).join(""));
    const data = path.join(home.path, "d");
    await using _ = await engineOn(data);
    const { err, code } = await run(importCommand, [file], { data });
    expect(err).toContain("3 samples taken");
    expect(err).toContain("1 older than raw samples are kept: into the 5m tier");
    expect(err).toContain("2 older than raw samples are kept: into the 1h tier");
    expect(err).toContain("1 refused: older than everything that is kept");
    expect(code).toBe(3);
  });

  test("a selector that is none is refused before anything is read", async () => {
    await expect(run(exportCommand, ["sum(x)"], {})).rejects.toMatchObject({ code: "bad-parameter" });
  });
});

describe("backup, restore, fsck", () => {
  test("taken from a serving engine it holds samples and state, and is sound", async () => {
    using home = tempDir();
    const data = path.join(home.path, "data");
    const copy = path.join(home.path, "copy");
    const back = path.join(home.path, "back");
    const file = path.join(home.path, "in.om");
    writeFileSync(file, FILE);
    {
      await using _ = await engineOn(data);
      await run(importCommand, [file], { data });
      expect((await run(backup, [copy], { data })).out).toContain("copied to");
      await expect(run(backup, [copy], { data })).rejects.toMatchObject({ code: "target-not-empty" });
      await expect(run(backup, [file], { data })).rejects.toMatchObject({ code: "not-a-directory", exit: 3 });
      await expect(run(fsck, [], { data })).rejects.toMatchObject({ code: "store-locked", exit: 4 });
    }
    expect(await run(restore, [copy], { data: back })).toMatchObject({ code: 0 });
    const checked = await run(fsck, [], { data: back, output: "json" });
    expect(checked.code).toBe(0);
    expect(JSON.parse(checked.out)).toMatchObject({ problems: [], stateRecords: expect.any(Number) });
    expect(JSON.parse(checked.out).stateRecords).toBeGreaterThan(0);
    const samples = await run(exportCommand, ["jobs_done"], { data: back });
    expect(samples.out.split("\n").filter((line) => line.startsWith("jobs_done"))).toHaveLength(5);
    await expect(run(restore, [copy], { data: back })).rejects.toMatchObject({ code: "target-not-empty" });
    await expect(run(restore, [home.path], { data: `${back}2` })).rejects.toMatchObject({ code: "not-a-backup" });
    expect(existsSync(`${back}2`)).toBe(false);
  });

  test("a flipped byte is named with exit 6, and repaired by moving it aside", async () => {
    using home = tempDir();
    const data = path.join(home.path, "d");
    const file = path.join(home.path, "in.om");
    writeFileSync(file, FILE);
    await run(importCommand, [file], { data });
    const log = path.join(data, "series");
    const { readdirSync } = await import("node:fs");
    const journal = readdirSync(log).find((name) => name.endsWith(".log")) as string;
    const bytes = readFileSync(path.join(log, journal));
    const at = bytes.length - 200;
    bytes[at] = (bytes[at] as number) ^ 0x10;
    writeFileSync(path.join(log, journal), bytes);
    const found = await run(fsck, [], { data });
    expect(found.code).toBe(6);
    expect(found.out).toMatch(/^damaged: /m);
  });
});

test("an export of a damaged store says that something is missing, with an engine and without one", async () => {
  using home = tempDir();
  const data = path.join(home.path, "data");
  const file = path.join(home.path, "in.om");
  writeFileSync(file, FILE);
  {
    await using _ = await engineOn(data);
  }
  expect((await run(importCommand, [file], { data })).code).toBe(0);
  const whole = await run(exportCommand, ["room_celsius"], { data });
  expect(whole).toMatchObject({ code: 0, err: "2 samples of 1 series\n" });
  const { db } = await openLevel(path.join(data, "series"), { name: "series", compression: false });
  for await (const [key, value] of db.iterator(rangeOf("c"))) {
    value[value.length >> 1] = (value[value.length >> 1] as number) ^ 0x10;
    await db.put(key, value);
  }
  await db.close();
  const stopped = await run(exportCommand, ["room_celsius"], { data });
  expect(stopped.err).toMatch(
    /warning: \d+ places? of the store cannot be read, and what was there is not in the export/,
  );
  expect(stopped.code).toBe(6);
  await using _ = await engineOn(data);
  const running = await run(exportCommand, ["room_celsius"], { data });
  expect(running.err).toMatch(/warning: \d+ places? of the store cannot be read/);
  expect(running.code).toBe(6);
});

test("an export says what a repair had to give up in its time, with an engine and without one", async () => {
  using home = tempDir();
  const data = path.join(home.path, "data");
  {
    await using _ = await engineOn(data);
  }
  const damage = new Damage(systemClock, silentLogger);
  const [from, to] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2)];
  new Marks(data, { now: to, log: silentLogger, damage }).addLoss({ at: to, from, to, blocks: 1, series: 7 });
  const told = {
    code: 0,
    err: expect.stringMatching(/^warning: up to 7 series lack samples from 2026-01-01/) as string,
  };
  const exported = (start?: string): Promise<Ran> =>
    run(exportCommand, ["nosuch"], { data, ...(start === undefined ? {} : { start }) });
  expect(await exported()).toMatchObject(told);
  expect((await exported("2026-02-01")).err).not.toContain("warning");
  await using _ = await engineOn(data);
  expect(await exported()).toMatchObject(told);
  expect((await exported("2026-02-01")).err).not.toContain("warning");
});

describe("opsmon silence", () => {
  const part = (name: string): CommandSpec => silence.subcommands?.find((one) => one.name === name) as CommandSpec;

  test("what was added is listed with its reason until it is ended, then only on request", async () => {
    using home = tempDir();
    const data = path.join(home.path, "data");
    await using _ = await engineOn(data);
    expect(await run(part("query"), [], { data })).toMatchObject({ code: 0, err: "nothing is silenced\n" });
    expect((await run(part("query"), [], { data, exitCode: true })).code).toBe(1);
    await expect(run(part("add"), ["RedisDown"], { data })).rejects.toMatchObject({ code: "no-comment", exit: 2 });
    const wishes = { data, comment: "disk\u202e swap", author: "ann" };
    await run(part("add"), ["RedisDown", "instance=~db.*"], wishes);
    const [header, line] = (await run(part("query"), [], { data })).out.split("\n").map((row) => row.split("\t"));
    expect(header).toEqual(["id", "state", "matchers", "until", "author", "comment"]);
    expect(line?.slice(1, 3)).toEqual(["active", 'alertname="RedisDown", instance=~"db.*"']);
    expect(line?.slice(4)).toEqual(["ann", "disk\\u202e swap"]);
    await run(part("expire"), [line?.[0] as string], { data });
    expect((await run(part("query"), [], { data })).err).toBe("nothing is silenced\n");
    const { out } = await run(part("query"), [], { data, expired: true, output: "json" });
    expect(JSON.parse(out)).toMatchObject([{ id: line?.[0], state: "expired", comment: "disk\u202e swap" }]);
  });
});
