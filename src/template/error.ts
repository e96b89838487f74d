/** A template that cannot be compiled or rendered; the text is Go's, because it ends up in annotations. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** UTF-16 offset in the text, for callers that know where the text stands in a file. */
  readonly offset: number;
  constructor(message: string, offset: number, options?: ErrorOptions) {
    super(message, options);
    this.offset = offset;
  }
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** `line:column` as text/template counts: line from 1, column from 0, in bytes. */
export function goPlace(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return `${lineOf(text, offset)}:${Buffer.byteLength(before.slice(start), "utf8")}`;
}
