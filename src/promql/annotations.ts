/**
 * Warnings and infos a query collects beside its result: each once, with its place, at most ten of a kind. What is true of
 * several places is told of the last one, as Prometheus does.
 */
import type { Span } from "./ast.ts";
import { ANNOTATIONS_MAX } from "./options.ts";
import { position } from "./syntax.ts";

export type AnnotationKind = "warning" | "info";

/** Distinct annotations kept while counting the rest; a query over many metrics can make one for each. */
const KEPT_MAX = 1_000;

export class Annotations {
  readonly #seen = new Map<
    string,
    { readonly kind: AnnotationKind; readonly message: string; readonly span: Span | undefined }
  >();

  /** @param message without the `PromQL warning:` prefix; stored warnings of the store come without a span. */
  add(kind: AnnotationKind, message: string, span: Span | undefined): void {
    const key = `${kind} ${message}`;
    if (this.#seen.size < KEPT_MAX || this.#seen.has(key)) this.#seen.set(key, { kind, message, span });
  }

  /** Texts of one kind as Prometheus' API gives them. */
  texts(kind: AnnotationKind, source: string): readonly string[] {
    const all = [...this.#seen.values()].filter((item) => item.kind === kind);
    const texts = all.slice(0, ANNOTATIONS_MAX).map(({ message, span }) => {
      if (span === undefined) return message;
      return `PromQL ${kind}: ${message}${source === "" ? "" : ` (${position(source, span.start)})`}`;
    });
    if (all.length > ANNOTATIONS_MAX) {
      texts.push(`${all.length - ANNOTATIONS_MAX} more ${kind} annotations omitted`);
    }
    return texts;
  }
}
