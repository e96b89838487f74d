import { expect, test } from "vitest";
import type { EngineOptions } from "../../../src/app/options.ts";
import { openQueries } from "../../../src/app/queries.ts";
import type { Settings } from "../../../src/app/settings.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

test("rules have places of their own: a crowd of clients delays no alert", async () => {
  await using box = await storeBox();
  const options = { clock: systemClock, log: silentLogger, env: {} } as unknown as EngineOptions;
  const settings = { config: { own: { limits: { queryConcurrency: 1 } } } } as Settings;
  const queries = openQueries(options, settings, box.db);
  const client = new AbortController();
  const slow = "quantile_over_time(0.5, quantile_over_time(0.5, vector(time())[3h:1s])[3h:1s])";
  const order: string[] = [];
  const done = (name: string) => (): void => void order.push(name);
  const clients = [
    queries.evaluator.instant(slow, T0, { signal: client.signal }).catch(done("the one who has the place")),
    queries.evaluator.instant("1", T0, { signal: client.signal }).catch(done("the one who waits")),
  ];
  await queries.ruleEngine.instant("vector(1)", T0).then(done("a rule"));
  client.abort();
  await Promise.all(clients);
  expect(order[0]).toBe("a rule");
  expect(order).toHaveLength(3);
});
