/** bin/opsmon finds its own Node and its own bundle, wherever it is called from and whatever is on PATH. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root, tempDir } from "../support/process.ts";

const LAUNCHER = path.join(root, "bin/opsmon");
const SYSTEM_PATH = "/usr/bin:/bin";

function run(file: string, env: Readonly<Record<string, string>>): { readonly code: number; readonly text: string } {
  try {
    return { code: 0, text: execFileSync(file, ["--version"], { cwd: "/", env, encoding: "utf8", stdio: "pipe" }) };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { code: status, text: stderr };
  }
}

describe("bin/opsmon", () => {
  test("starts with a PATH that has no Node, or an old one first", () => {
    using home = tempDir();
    writeFileSync(path.join(home.path, "node"), "#!/bin/sh\necho an old node\nexit 9\n", { mode: 0o755 });
    for (const first of ["", `${home.path}:`]) {
      const { code, text } = run(LAUNCHER, { PATH: `${first}${SYSTEM_PATH}`, HOME: home.path });
      expect(`${code} ${text}`).toMatch(/^0 opsmon \d+\.\d+\.\d+/);
    }
  });

  test("scripts run the Node that came along even where npm made no link to it", () => {
    using home = tempDir();
    const text = execFileSync("sh", [path.join(root, "bin/node"), "-p", "process.version"], {
      env: { PATH: SYSTEM_PATH, HOME: home.path },
      encoding: "utf8",
    });
    expect(text).toMatch(/^v24\./);
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      scripts: Readonly<Record<string, string>>;
    };
    for (const [name, line] of Object.entries(scripts)) {
      for (const command of line.split(" && ")) expect(`${name}: ${command}`).toMatch(/: sh bin\/node /);
    }
  });

  test("starts through a link from elsewhere", () => {
    using home = tempDir();
    symlinkSync(LAUNCHER, path.join(home.path, "opsmon"));
    expect(run(path.join(home.path, "opsmon"), { PATH: SYSTEM_PATH }).text).toContain("opsmon");
  });

  test("says what is missing where nothing was built or no Node is new enough", () => {
    using home = tempDir();
    mkdirSync(path.join(home.path, "bin"));
    const copy = path.join(home.path, "bin/opsmon");
    execFileSync("cp", [LAUNCHER, path.join(root, "bin/node"), path.dirname(copy)]);
    expect(run(copy, { PATH: SYSTEM_PATH })).toEqual({
      code: 4,
      text: expect.stringContaining("npm run build") as string,
    });
    mkdirSync(path.join(home.path, "dist"));
    writeFileSync(path.join(home.path, "dist/opsmon.cjs"), "");
    const old = path.join(home.path, "node");
    writeFileSync(old, "#!/bin/sh\necho 20\n", { mode: 0o755 });
    const refused = run(copy, { PATH: `${home.path}:${SYSTEM_PATH}`, OPSMON_NODE: old });
    expect(refused).toEqual({ code: 4, text: expect.stringContaining("needs Node.js") as string });
  });
});
