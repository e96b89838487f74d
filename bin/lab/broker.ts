/** What the lab asks of its message broker, and the plain HTTP call it does that with. */
import amqp from "amqplib";
import { type Lab, LabError } from "./settings.ts";

export const brokerHeaders: Readonly<Record<string, string>> = {
  authorization: `Basic ${Buffer.from("lab:lab").toString("base64")}`,
};

/** @throws LabError when the answer is no success. */
export async function call(target: string, init?: RequestInit): Promise<void> {
  const response = await fetch(target, { ...init, signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (!response.ok) throw new LabError(`${target} answered ${response.status}: ${text.trim()}`);
}

/** Puts `count` messages of 200 bytes into the exchange and waits for the broker to confirm them. */
export async function publish(lab: Lab, key: string, count: number): Promise<void> {
  const connection = await amqp.connect(`amqp://lab:lab@127.0.0.1:${lab.port.amqp}`);
  try {
    const channel = await connection.createConfirmChannel();
    const body = Buffer.alloc(200, "x");
    for (let i = 1; i <= count; i++) {
      channel.publish("calc", key, body);
      if (i % 500 === 0) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

export async function purge(lab: Lab, queue: string): Promise<void> {
  const target = `http://127.0.0.1:${lab.port.management}/api/queues/%2F/${queue}/contents`;
  await call(target, { method: "DELETE", headers: brokerHeaders });
}

/** Messages for the consumer that never acknowledges. */
export async function seedReviewQueue(lab: Lab): Promise<void> {
  const target = `http://127.0.0.1:${lab.port.management}/api/queues/%2F/manual.review`;
  const response = await fetch(target, { headers: brokerHeaders });
  const { messages = 0 } = (await response.json()) as { messages?: number };
  if (messages === 0) await publish(lab, "review", 12);
}
