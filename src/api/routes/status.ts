/** `/api/v1/status/*`: what Grafana and promtool ask to learn whom they talk to. */
import { hostname } from "node:os";
import { UserError } from "../../base/errors.ts";
import { failure, type Request, type Route, success } from "../http.ts";
import type { EngineServices } from "../services.ts";

/** The Prometheus whose semantics and API we answer with; Grafana switches features by it. */
const PROMETHEUS_VERSION = "3.5.0";
const CARDINALITY_ROWS = 10;
/** As Prometheus allows. */
const CARDINALITY_ROWS_MAX = 10_000;

async function storeStatus(services: EngineServices, { parameters }: Request): Promise<unknown> {
  const limit = parameters.integer("limit", CARDINALITY_ROWS);
  if (limit < 1 || limit > CARDINALITY_ROWS_MAX) {
    throw new UserError(
      "bad-parameter",
      limit < 1 ? "limit must be a positive number" : `limit must not exceed ${CARDINALITY_ROWS_MAX}`,
    );
  }
  const report = await services.cardinality(limit);
  const store = services.storeSummary(limit);
  const rows = (all: readonly { name: string; count: number }[]): unknown =>
    all.slice(0, limit).map(({ name, count }) => ({ name, value: count }));
  return {
    headStats: {
      numSeries: report.series,
      numLabelPairs: store.labelPairs,
      chunkCount: store.chunks,
      minTime: store.minTime ?? 0,
      maxTime: store.maxTime ?? 0,
    },
    seriesCountByMetricName: rows(report.metrics),
    labelValueCountByLabelName: rows(report.labels),
    memoryInBytesByLabelName: rows(store.labelBytes),
    seriesCountByLabelValuePair: rows(report.pairs),
  };
}

export function statusRoutes(services: EngineServices): readonly Route[] {
  const get = (path: string, data: (request: Request) => Promise<unknown>): Route => ({
    methods: ["GET"],
    path: `/api/v1/status/${path}`,
    handle: async (request) => success(await data(request)),
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
    get("tsdb", (request) => storeStatus(services, request)),
    get("walreplay", async () => ({ min: 0, max: 0, current: 0 })),
    // Prometheus' page shows these; we have none that `opsmon status` does not show.
    { methods: ["GET"], path: "/api/v1/notifications", handle: async () => success([]) },
    ...["snapshot", "delete_series", "clean_tombstones"].map(
      (name): Route => ({
        methods: ["POST", "PUT"],
        path: `/api/v1/admin/tsdb/${name}`,
        handle: async () => ({ ...failure("unavailable", "admin APIs disabled"), status: 500 }),
      }),
    ),
  ];
}
