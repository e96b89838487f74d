/**
 * Writes `text/<pack>.ts` from every `<pack>.yml` here: `node rules/embed.ts`. A test fails when one of them is not
 * what this would write.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const FOLDER = new URL(".", import.meta.url);

/** The module for one pack: its lines as strings, so that a change shows as a change of lines. */
export function moduleText(name: string, yaml: string): string {
  const variable = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const lines = yaml.split("\n").map((line) => `  ${JSON.stringify(line)},`);
  return [
    `/** Made from rules/${name}.yml by rules/embed.ts; edit that file. */`,
    `export const ${variable}: string = [`,
    ...lines,
    `].join("\\n");`,
    "",
  ].join("\n");
}

export function packNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".yml") && !file.endsWith(".test.yml"))
    .map((file) => file.slice(0, -".yml".length))
    .sort();
}

if (import.meta.main) {
  for (const name of packNames()) {
    const yaml = readFileSync(new URL(`${name}.yml`, FOLDER), "utf8");
    writeFileSync(new URL(`text/${name}.ts`, FOLDER), moduleText(name, yaml));
  }
}
