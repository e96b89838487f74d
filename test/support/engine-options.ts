/** An engine inside a test's own process: nothing discovered, no port, no log. */
import type { EngineOptions } from "../../src/app/options.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";

export const QUIET_ENGINE: Omit<EngineOptions, "dataDir" | "socketPath" | "configFile"> = {
  version: "0.0.0",
  socketMode: 0o600,
  listen: [],
  webConfigFile: undefined,
  features: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  queryTimeoutMs: undefined,
  queryLookbackMs: undefined,
  discover: false,
  embedded: false,
  env: {},
  clock: systemClock,
  log: silentLogger,
};
