import { createHmac } from "node:crypto";
import { type IncomingHttpHeaders, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Bench, START, alert, freshBench } from "../../support/notify.ts";

interface Hook {
  readonly url: string;
  readonly received: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Statuses of the next answers; 200 when there are none left. */
  readonly answers: { readonly status: number; readonly headers?: Record<string, string> }[];
  close(): Promise<void>;
}

async function startHook(): Promise<Hook> {
  const received: Hook["received"] = [];
  const answers: Hook["answers"] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      const { status, headers } = answers.shift() ?? { status: 200 };
      response.writeHead(status, headers).end("thanks");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=secret-key`,
    received,
    answers,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const open: { bench: Bench; hook: Hook }[] = [];
afterEach(async () => {
  for (const { bench, hook } of open.splice(0)) {
    await bench.notifier.close();
    await bench.fake.close();
    await hook.close();
  }
});

async function bench(): Promise<{ bench: Bench; hook: Hook; run: (ms: number) => Promise<void> }> {
  const hook = await startHook();
  const made = await freshBench(
    () => `
route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 5s}
receivers:
- name: hook
  webhook_configs: [{url: "${hook.url}", opsmon_hmac_secret: s3cret}]
`,
  );
  open.push({ bench: made, hook });
  // The fake does not see these requests: give loopback HTTP real time in every step.
  const run = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1_000) {
      await made.clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  };
  return { bench: made, hook, run };
}

const ALERT = { labels: { alertname: "QueueFull", queue: "orders" }, annotations: { summary: "orders wait" } };

describe("the webhook", () => {
  it("posts Alertmanager's document, signed, then the resolve", async () => {
    const { bench: b, hook, run } = await bench();
    await b.tick(alert(ALERT, START));
    await run(1_000);
    const [first] = hook.received;
    expect(JSON.parse(first?.body ?? "")).toEqual({
      version: "4",
      receiver: "hook",
      status: "firing",
      groupKey: '{}:{alertname="QueueFull"}',
      truncatedAlerts: 0,
      groupLabels: { alertname: "QueueFull" },
      commonLabels: ALERT.labels,
      commonAnnotations: ALERT.annotations,
      externalURL: "",
      alerts: [
        {
          status: "firing",
          labels: ALERT.labels,
          annotations: ALERT.annotations,
          startsAt: "2026-11-20T09:00:00.000Z",
          endsAt: "0001-01-01T00:00:00Z",
          generatorURL: "",
          fingerprint: expect.stringMatching(/^[\da-f]{16}$/) as string,
        },
      ],
    });
    const signed = /^t=(\d+),v1=([\da-f]{64})$/.exec(String(first?.headers["x-opsmon-signature"]));
    const mac = createHmac("sha256", "s3cret").update(`${signed?.[1]}.${first?.body}`).digest("hex");
    expect(signed?.[2]).toBe(mac);
    await b.tick(alert({ ...ALERT, state: "inactive", firedAt: START }, b.clock.now()));
    await run(6_000);
    expect(JSON.parse(hook.received[1]?.body ?? "{}")).toMatchObject({
      status: "resolved",
      alerts: [{ status: "resolved" }],
    });
    expect(b.notifier.alerts()).toEqual([]);
  });

  it("retries with the same idempotency key, and waits as long as it is told", async () => {
    const { bench: b, hook, run } = await bench();
    hook.answers.push({ status: 503 }, { status: 429, headers: { "retry-after": "20" } });
    await b.tick(alert(ALERT, START));
    await run(15_000);
    expect(hook.received).toHaveLength(2);
    await run(10_000);
    expect(hook.received).toHaveLength(3);
    expect(new Set(hook.received.map((one) => one.headers["idempotency-key"])).size).toBe(1);
  });

  it("tells every resolve although versions are merged while the other side is down", async () => {
    const { bench: b, hook, run } = await bench();
    const of = (queue: string, state: "firing" | "inactive") =>
      alert({ labels: { alertname: "QueueFull", queue }, state, firedAt: START }, b.clock.now());
    await b.tick(of("a", "firing"), of("b", "firing"));
    await run(2_000);
    hook.answers.push(...Array.from({ length: 4 }, () => ({ status: 500 })));
    await b.tick(of("a", "inactive"));
    await run(6_000);
    await b.tick(of("c", "firing"));
    await run(30_000);
    const last = JSON.parse(hook.received.at(-1)?.body ?? "{}") as {
      alerts: { status: string; labels: { queue: string } }[];
    };
    const told = last.alerts.map((one) => `${one.labels.queue} ${one.status}`).sort();
    expect(told).toEqual(["a resolved", "b firing", "c firing"]);
  });

  it("a refusal is final, with its reason and without the URL's secret", async () => {
    const { bench: b, hook, run } = await bench();
    hook.answers.push({ status: 404 });
    await b.tick(alert(ALERT, START));
    await run(20_000);
    expect(hook.received).toHaveLength(1);
    const records = await b.deliveries();
    expect(records.find((record) => record.outcome === "dead")?.reason).toBe("webhook: HTTP 404: thanks");
    expect(JSON.stringify([records, b.notifier.channels()])).not.toContain("secret-key");
  });
});
