/** Heavy questions beside scrapes: who answers them, what their end does to the engine, and that scrapes go on. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  type Engine,
  eventually,
  getOverSocket,
  type Page,
  startEngine,
  startPage,
  type TempDir,
  tempDir,
} from "../support/process.ts";

/** Much more work than its deadline allows. */
const SLOW = ["[3h:1s]", "[3h:1s]", "[3h:1s]"].reduce(
  (inner, range) => `quantile_over_time(0.5, ${inner}${range})`,
  "vector(time())",
);
const SLOW_TIMEOUT_S = 4;
/** Twenty-nine million cells: quick to answer, but more than the main thread keeps for itself. */
const HEAVY = "count(wide) or max_over_time(sum(wide)[2h:1s])";

/** A label that is twice as long at each level. */
function hoard(levels: number): string {
  const start = 'label_replace(vector(1), "a", "0123456789", "", "")';
  return Array.from({ length: levels }).reduce<string>(
    (inner) => `label_replace(${inner}, "a", "$1$1", "a", "(.*)")`,
    start,
  );
}

interface House extends AsyncDisposable {
  readonly home: TempDir;
  readonly page: Page;
  readonly engine: Engine;
}

async function house(env: Readonly<Record<string, string>>): Promise<House> {
  const home = tempDir();
  const page = await startPage(Array.from({ length: 4_000 }, (_, i) => `wide{i="${i}"} ${i}\n`).join(""));
  const config = path.join(home.path, "prometheus.yml");
  const job = `{job_name: wide, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}`;
  writeFileSync(config, `global: {scrape_interval: 1s}\nscrape_configs: [${job}]\n`);
  const engine = await startEngine({ home: home.path, config, env });
  await eventually("two scrapes", () => page.hits() >= 2);
  return {
    home,
    page,
    engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await page[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    },
  };
}

function query({ engine }: House, expr: string, timeoutS = 30): Promise<Answer> {
  const parameters = new URLSearchParams({ query: expr, timeout: String(timeoutS) });
  return getOverSocket(engine.socket, `/api/v1/query?${parameters.toString()}`, 60_000);
}

async function counted({ engine }: House, what: "starts" | "asked" | "lost"): Promise<number> {
  const { body } = await getOverSocket(engine.socket, "/metrics");
  return Number(new RegExp(`^opsmon_query_thread_${what}_total (\\d+)`, "m").exec(body)?.[1]);
}

describe("the query thread beside scrapes", () => {
  let one: House;
  beforeAll(async () => {
    one = await house({});
  });
  afterAll(() => one?.[Symbol.asyncDispose]());

  test("light questions stay, heavy ones go to the thread, and both see the same", async () => {
    const light = await query(one, 'wide{i="7"}');
    expect(JSON.parse(light.body)).toMatchObject({ data: { result: [{ metric: { i: "7" } }] } });
    expect(await counted(one, "starts")).toBe(0);
    const heavy = await query(one, HEAVY);
    expect(JSON.parse(heavy.body)).toMatchObject({ data: { result: [{ value: [expect.any(Number), "4000"] }] } });
    expect(await counted(one, "starts")).toBe(1);
    expect(await counted(one, "asked")).toBe(1);
  });

  test("scrapes go on beside a question that takes all its time", async () => {
    const before = one.page.hits();
    const { status, body } = await query(one, SLOW, SLOW_TIMEOUT_S);
    expect(JSON.parse(body)).toMatchObject({ errorType: "timeout" });
    expect(status).toBe(503);
    // One a second; on a busy machine half of them is still far from none.
    expect(one.page.hits() - before).toBeGreaterThanOrEqual(SLOW_TIMEOUT_S / 2);
  });

  test("labels that double are refused before they fill the memory", async () => {
    const { status, body } = await query(one, hoard(40));
    expect(status).toBe(422);
    expect(body).toContain("label values longer than");
  });
});

test("a thread that dies of its memory takes nothing with it, and each heavy question starts another", async () => {
  // Less than the thread's own code needs.
  await using one = await house({ OPSMON_QUERY_THREAD_HEAP_MB: "5" });
  for (const time of [1, 2]) {
    const { status, body } = await query(one, HEAVY);
    expect(JSON.parse(body)).toMatchObject({ errorType: "unavailable" });
    expect(status).toBe(503);
    expect(body).toContain("more memory than queries are given");
    expect(await counted(one, "starts")).toBe(time);
    expect(await counted(one, "lost")).toBe(time);
  }
  expect((await query(one, 'wide{i="7"}')).status).toBe(200);
  const before = one.page.hits();
  await eventually("more scrapes", () => one.page.hits() > before + 1);
});
