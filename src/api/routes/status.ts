/** `/api/v1/status/*`: what Grafana and promtool ask to learn whom they talk to. */
import { hostname } from "node:os";
import { type Route, success } from "../http.ts";
import type { EngineServices } from "../services.ts";

/** The Prometheus whose semantics and API we answer with; Grafana switches features by it. */
const PROMETHEUS_VERSION = "3.5.0";
const CARDINALITY_ROWS = 10;

export function statusRoutes(services: EngineServices): readonly Route[] {
  const get = (path: string, data: () => Promise<unknown>): Route => ({
    methods: ["GET"],
    path: `/api/v1/status/${path}`,
    handle: async () => success(await data()),
  });
  return [
    get("buildinfo", async () => {
      const { version } = await services.status();
      return {
        version: PROMETHEUS_VERSION,
        revision: `opsmon-${version}`,
        branch: "opsmon",
        buildUser: "opsmon",
        buildDate: "",
        goVersion: "",
      };
    }),
    get("runtimeinfo", async () => {
      const status = await services.status();
      return {
        startTime: new Date(status.startedAt).toISOString(),
        CWD: process.cwd(),
        hostname: hostname(),
        serverTime: new Date(services.now()).toISOString(),
        reloadConfigSuccess: true,
        lastConfigTime: new Date(status.startedAt).toISOString(),
        corruptionCount: 0,
        goroutineCount: 0,
        GOMAXPROCS: 1,
        GOMEMLIMIT: 0,
        GOGC: "",
        GODEBUG: "",
        storageRetention: services.flags()["storage.tsdb.retention.time"] ?? "15d",
      };
    }),
    get("flags", async () => services.flags()),
    get("config", async () => ({ yaml: services.configText() })),
    get("tsdb", async () => {
      const report = await services.cardinality(CARDINALITY_ROWS);
      const rows = (all: readonly { name: string; count: number }[]): unknown =>
        all.map(({ name, count }) => ({ name, value: count }));
      return {
        headStats: {
          numSeries: report.series,
          numLabelPairs: report.pairs.length,
          chunkCount: 0,
          minTime: 0,
          maxTime: services.now(),
        },
        seriesCountByMetricName: rows(report.metrics),
        labelValueCountByLabelName: rows(report.labels),
        memoryInBytesByLabelName: [],
        seriesCountByLabelValuePair: rows(report.pairs),
      };
    }),
  ];
}
