import { describe, expect, it } from "vitest";
import { normaliseArguments } from "../../../src/cli/arguments.ts";
import { parseMatchers } from "../../../src/cli/matchers.ts";
import { parseSize } from "../../../src/model/size.ts";

describe("Prometheus' flag names", () => {
  it.each([
    [["serve", "--config.file=a.yml"], ["serve", "--config=a.yml"], "with ="],
    [["serve", "--storage.tsdb.path", "d"], ["serve", "--data", "d"], "with a space"],
    [["serve", "--web.listen-address=127.0.0.1:9090"], ["serve", "--listen=127.0.0.1:9090"], "dashes after dots"],
    [["query", "--", "--config.file"], ["query", "--", "--config.file"], "not after --"],
    [["serve", "--unknown.flag=1"], ["serve", "--unknown.flag=1"], "an unknown one is left for the parser to refuse"],
  ])("%j becomes %j (%s)", (given, wanted) => expect(normaliseArguments(given)).toEqual(wanted));
});

describe("matchers on the command line", () => {
  it("reads amtool's four operators, and a bare first word as the alert's name", () => {
    expect(parseMatchers(["RedisDown", "instance=~db.*", "env!=prod", 'team="a b"', "job!~x|y"])).toEqual([
      { name: "alertname", op: "=", value: "RedisDown" },
      { name: "instance", op: "=~", value: "db.*" },
      { name: "env", op: "!=", value: "prod" },
      { name: "team", op: "=", value: "a b" },
      { name: "job", op: "!~", value: "x|y" },
    ]);
  });
  it.each([["a=b", "RedisDown"], ["=x"], ["a=~("]])("refuses %j", (...texts) => {
    expect(() => parseMatchers(texts)).toThrow();
  });
});

describe("sizes", () => {
  it.each([
    ["512MB", 512 * 2 ** 20],
    ["10GiB", 10 * 2 ** 30],
    ["1.5k", 1_536],
    ["100", 100],
  ])("%s is %d bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));
  it.each(["", "GB", "-1", "1 parsec"])("refuses %j", (text) => expect(() => parseSize(text)).toThrow(/is not a size/));
});
