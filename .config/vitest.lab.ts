import { defineConfig } from "vitest/config";

/** Tests on the lab's real services; `.ci/run` brings the lab up first. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/lab/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
