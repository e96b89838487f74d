/**
 * Remote write 2.0: a table of texts, and series that refer to it. Native histograms and exemplars are counted; the
 * time at which a counter was created is passed over, as Prometheus does unless a feature asks for it.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
import { UserError } from "../base/errors.ts";
import type { Metadata } from "../model/metadata.ts";
import { Intake } from "./intake.ts";
import type { WriteRequest } from "./message.ts";
import { ProtoReader } from "./protobuf.ts";
import { type RawSeries, Samples } from "./series.ts";
import { snappyDecode } from "./snappy.ts";
import { TYPES, WRITE_BYTES_MAX } from "./write.ts";

/** Characters of all labels written out: a few texts referred to a million times must not fill the memory. */
const LABEL_CHARACTERS_MAX = 128 * 1024 * 1024;
/** Suffixes that a family's samples have and its description has not. */
const FAMILY_SUFFIX: Readonly<Partial<Record<Metadata["type"], RegExp>>> = {
  histogram: /_(?:bucket|sum|count)$/,
  gaugehistogram: /_(?:bucket|gsum|gcount)$/,
  summary: /_(?:sum|count)$/,
};

function broken(what: string): never {
  throw new UserError("bad-protobuf", `the message is not a write request of version 2: ${what}`);
}

interface Described {
  readonly type: Metadata["type"];
  readonly help: number;
  readonly unit: number;
}

interface Entry {
  readonly refs: readonly number[];
  readonly raw: Omit<RawSeries, "pairs">;
  readonly described: Described | undefined;
}

function readDescription(reader: ProtoReader): Described {
  const around = reader.enter();
  let type: Metadata["type"] = "unknown";
  let help = 0;
  let unit = 0;
  while (reader.next()) {
    if (reader.field === 1) type = TYPES[reader.number()] ?? "unknown";
    else if (reader.field === 3) help = reader.number();
    else if (reader.field === 4) unit = reader.number();
    else reader.skip();
  }
  reader.leave(around);
  return { type, help, unit };
}

function readEntry(reader: ProtoReader): Entry {
  const around = reader.enter();
  const refs: number[] = [];
  const samples = new Samples();
  let exemplars = 0;
  let histograms = 0;
  let described: Described | undefined;
  while (reader.next()) {
    if (reader.field === 1) reader.numbers(refs);
    else if (reader.field === 2) samples.read(reader);
    else if (reader.field === 5) described = readDescription(reader);
    else {
      if (reader.field === 3) histograms++;
      if (reader.field === 4) exemplars++;
      reader.skip();
    }
  }
  reader.leave(around);
  const columns = { t: Float64Array.from(samples.t), v: Float64Array.from(samples.v), stale: samples.staleColumn() };
  return { refs, raw: { ...columns, exemplars, histograms }, described };
}

/** @throws UserError `bad-snappy`, `body-limit`, `bad-protobuf`. */
export function decodeWriteRequest2(compressed: Uint8Array, bytesMax: number = WRITE_BYTES_MAX): WriteRequest {
  const reader = new ProtoReader(snappyDecode(compressed, bytesMax));
  const symbols: string[] = [];
  const entries: Entry[] = [];
  while (reader.next()) {
    if (reader.field === 4) symbols.push(reader.text());
    else if (reader.field === 5) entries.push(readEntry(reader));
    else reader.skip();
  }
  if (entries.length > 0 && symbols[0] !== "") broken("its first text is not the empty one");
  const textOf = (ref: number): string => symbols[ref] ?? broken(`there is no text ${ref}`);
  const intake = new Intake();
  let characters = 0;
  for (const { refs, raw, described } of entries) {
    if (refs.length % 2 !== 0) broken("a label without a value");
    const pairs: [string, string][] = [];
    for (let i = 0; i < refs.length; i += 2) {
      const pair: [string, string] = [textOf(refs[i] as number), textOf(refs[i + 1] as number)];
      characters += pair[0].length + pair[1].length;
      pairs.push(pair);
    }
    if (characters > LABEL_CHARACTERS_MAX)
      throw new UserError("body-limit", `the labels of the message have more than ${LABEL_CHARACTERS_MAX} characters`);
    const name = intake.add({ pairs, ...raw });
    if (name === undefined || described === undefined) continue;
    const { type } = described;
    const [help, unit] = [textOf(described.help), textOf(described.unit)];
    if (type !== "unknown" || help !== "" || unit !== "")
      intake.describe(name.replace(FAMILY_SUFFIX[type] ?? /$^/, ""), { type, help, unit });
  }
  return intake.finish();
}
