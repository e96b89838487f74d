/**
 * Which format a page is in: what a scrape asks for, what an answer's Content-Type means, and what our own pages
 * are served as.
 *
 * The Accept header is Prometheus 3's without protobuf. A missing or unknown Content-Type is read as text, where
 * Prometheus 3 refuses: exporters of every age stand behind one console, and a page that is not text fails with
 * the line that shows it.
 */
import type { PageFormat } from "./page.ts";

/** Sent with every scrape. RabbitMQ answers 406 to anything without the last two entries. */
export const ACCEPT: string =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
  "application/openmetrics-text;version=0.0.1;q=0.4," +
  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3," +
  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

export const CONTENT_TYPE: Readonly<Record<PageFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format of an answer with this Content-Type. */
export function formatOf(contentType: string | undefined): PageFormat {
  const media = (contentType ?? "").split(";", 1)[0] as string;
  return media.trim().toLowerCase() === "application/openmetrics-text" ? "openmetrics" : "text";
}

/** Whether an answer is protobuf, which is never asked for and cannot be read. */
export function isProtobuf(contentType: string | undefined): boolean {
  return /^\s*application\/vnd\.google\.protobuf\b/i.test(contentType ?? "");
}

/** The format in which a page of ours is served to a client with this Accept header. */
export function negotiate(accept: string | undefined): PageFormat {
  let best: PageFormat = "text";
  let bestWeight = -1;
  for (const part of (accept ?? "").split(",")) {
    const [media, ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const format =
      media === "application/openmetrics-text" ? "openmetrics" : media === "text/plain" ? "text" : undefined;
    if (format === undefined) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (Number.isFinite(weight) && weight > 0 && weight > bestWeight) {
      best = format;
      bestWeight = weight;
    }
  }
  return best;
}
