/** Bytes read ahead are those the file has when they are asked for. */
import { appendFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { beginLog, beginLogFile, logBytes } from "../../../src/tsdb/log-ahead.ts";
import { temporaryDir } from "../../support/tsdb.ts";

const FILE = "00000007.log";

test.each([
  { why: "nothing happens meanwhile", change: () => undefined, told: "first" },
  {
    why: "the last engine wrote on until it let go",
    change: (path: string) => appendFileSync(path, " second"),
    told: "first second",
  },
  { why: "the last engine cut a torn end off", change: (path: string) => truncateSync(path, 3), told: "fir" },
])("$why: $told", async ({ change, told }) => {
  const dir = temporaryDir();
  try {
    writeFileSync(`${dir}/${FILE}`, "first");
    beginLog(dir);
    change(`${dir}/${FILE}`);
    expect(String(await logBytes(dir, 7))).toBe(told);
    // What was read ahead is used once.
    writeFileSync(`${dir}/${FILE}`, "third");
    expect(String(await logBytes(dir, 7))).toBe("third");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("what cannot be read ahead is refused when it is asked for", async () => {
  const dir = temporaryDir();
  try {
    beginLog(`${dir}/none`);
    beginLogFile(dir, 7);
    await expect(logBytes(dir, 7)).rejects.toThrow(/ENOENT/);
    mkdirSync(`${dir}/${FILE}`);
    beginLog(dir);
    beginLogFile(dir, 7);
    await expect(logBytes(dir, 7)).rejects.toThrow(/EISDIR/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
