/** `/-/healthy`, `/-/ready`, `/-/reload`, `/-/quit`, `/metrics`. */
import { failureOf, type Route, text } from "../http.ts";
import type { EngineServices } from "../services.ts";

export function lifecycleRoutes(services: EngineServices): readonly Route[] {
  return [
    { methods: ["GET", "HEAD"], path: "/-/healthy", handle: async () => text("opsmon is Healthy.\n") },
    { methods: ["GET", "HEAD"], path: "/-/ready", handle: async () => text("opsmon is Ready.\n") },
    {
      methods: ["POST", "PUT"],
      path: "/-/reload",
      async handle() {
        try {
          await services.command({ kind: "reload" });
          return text("");
        } catch (error) {
          return { ...failureOf(error), status: 500 };
        }
      },
    },
    {
      methods: ["POST", "PUT"],
      path: "/-/quit",
      async handle() {
        services.quit();
        return text("Requesting termination... Goodbye!");
      },
    },
    {
      methods: ["GET"],
      path: "/metrics",
      handle: async () =>
        text(await services.metricsText(), 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
    },
  ];
}
