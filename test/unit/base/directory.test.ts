/** Where opsmon makes a directory, and the sentences where it cannot. */
import { mkdtempSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeDirectory } from "../../../src/base/directory.ts";
import { UserError } from "../../../src/base/errors.ts";
import { systemReason, unreadable } from "../../../src/base/system-error.ts";

let box = "";
beforeEach(() => {
  box = mkdtempSync(path.join(tmpdir(), "opsmon-directory-"));
});
afterEach(() => rmSync(box, { recursive: true, force: true }));

function refused(dir: string): UserError {
  try {
    makeDirectory(dir);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`"${dir}" was made`);
}

describe("a directory", () => {
  test("is made with all that is missing above it, for its owner alone", () => {
    makeDirectory(path.join(box, "a/b/c"));
    expect(statSync(path.join(box, "a/b/c")).mode & 0o777).toBe(0o700);
  });

  test("that is there already is left as it is", () => {
    mkdirSync(path.join(box, "old"), { mode: 0o755 });
    makeDirectory(path.join(box, "old"));
    expect(statSync(path.join(box, "old")).mode & 0o777).toBe(0o755);
  });

  test.each([
    { at: "file", says: /file" is not a directory$/, why: "a file is in its place" },
    { at: "file/x/y", says: /\/file" is not a directory$/, why: "a file is among its ancestors: that one is named" },
  ])("is refused where $why", ({ at, says }) => {
    writeFileSync(path.join(box, "file"), "");
    const error = refused(path.join(box, at));
    expect(error.message).toMatch(says);
    expect([error.code, error.exit]).toEqual(["not-a-directory", 3]);
    expect(error.hint).toBeDefined();
  });

  test("is refused at once where the file system takes none", () => {
    const error = refused("/proc/opsmon-nowhere/data");
    expect([error.code, error.exit]).toEqual(["unwritable", 3]);
    expect(error.message).toBe('cannot make the directory "/proc/opsmon-nowhere/data": nothing can be made in "/proc"');
  });
});

describe("what the system refuses", () => {
  test("is told with the path once", () => {
    try {
      statSync(path.join(box, "gone"));
    } catch (cause) {
      expect(systemReason(cause)).toBe("no such file or directory");
      const error = unreadable("gone.yml", cause);
      expect(error.message).toBe('cannot read "gone.yml": no such file or directory');
      expect(error.hint).toMatch(/spelling/);
    }
    expect.assertions(3);
  });

  test("other errors keep their words", () => {
    expect(systemReason(new Error("x: y, open 'z'"))).toBe("x: y, open 'z'");
  });
});
