/** Plays every script in test/golden/promql: whole queries over small data sets, readable by anyone who knows PromQL. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DEFAULT_FEATURES } from "../../../src/promql/options.ts";
import { playScript } from "../../support/promql-script.ts";

const DIR = "test/golden/promql";
const scripts = readdirSync(DIR).filter((name) => name.endsWith(".test"));

test("there are scripts to play", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(8);
});

for (const name of scripts) {
  test(`${name} holds`, async () => {
    const features = name.startsWith("delayed-")
      ? new Set([...DEFAULT_FEATURES, "promql-delayed-name-removal"])
      : DEFAULT_FEATURES;
    expect(await playScript(readFileSync(`${DIR}/${name}`, "utf8"), features)).toBeGreaterThan(0);
  });
}

test("a script that expects something else does not pass", async () => {
  const wrong = "load 1m\n  a 1\n\neval instant at 0s a\n  a 2\n";
  await expect(playScript(wrong)).rejects.toThrow("gave a 1 at 0, not 2");
});
