/**
 * Rebuilds the head's directory from the database: labels of all groups, which chunks exist, how far the append log
 * is covered. Only labels and chunk headers are read. A damaged record costs what it described, is named, and never
 * stops the rest.
 */
import type { ByteLevel } from "../base/leveldb.ts";
import type { Metadata } from "../model/metadata.ts";
import { NO_REF } from "../model/sample.ts";
import { ByteReader, DamagedError } from "./bytes.ts";
import { chunkName, readChunkHeader } from "./chunk.ts";
import type { Damage } from "./damage.ts";
import type { Group } from "./group.ts";
import { loadDropped } from "./dropped.ts";
import type { Head } from "./head.ts";
import { FORMAT_KEY, parseChunkKey, parseGroupKey, rangeOf, SERIES_FORMAT } from "./keys.ts";
import { unpackLayout } from "./labels-record.ts";
import { countLayout } from "./layout-read.ts";
import { refuseNewerSeries } from "./marks.ts";
import { ReadAhead } from "./read-ahead.ts";
import { openRecord, sealRecord } from "./segment.ts";

const FORMAT_TEXT = /^opsmon series (\d+)$/;

function formatRecord(version: number): Uint8Array {
  return sealRecord(FORMAT_KEY, new TextEncoder().encode(`opsmon series ${version}`));
}

/** @returns undefined when the record is damaged. */
function storedVersion(record: Uint8Array): number | undefined {
  try {
    const version = FORMAT_TEXT.exec(new TextDecoder().decode(openRecord(FORMAT_KEY, record)))?.[1];
    return version === undefined ? undefined : Number(version);
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}
/** More columns than any group may have: a damaged key must not allocate memory. */
const COLUMNS_MAX = 1 << 24;

function catching<T>(damage: Damage, what: () => string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    damage.add(what(), error.message);
    return undefined;
  }
}

/** @returns the stored format; undefined when there is none that can be read. @throws UserError `store-format` for a newer one. */
export async function readableFormat(db: ByteLevel, dir: string): Promise<number | undefined> {
  const record = await db.get(FORMAT_KEY);
  const version = record === undefined ? undefined : storedVersion(record);
  if (version !== undefined) refuseNewerSeries(dir, version);
  return version;
}

/** Writes the format into a new database, and into an older one before it gets what its opsmon cannot read. */
async function checkFormat(db: ByteLevel, dir: string, damage: Damage): Promise<void> {
  const format = await readableFormat(db, dir);
  if (format === SERIES_FORMAT) return;
  if (format === undefined && (await db.get(FORMAT_KEY)) !== undefined)
    damage.add("the format record of the series database", "checksum does not fit; written anew");
  await db.put(FORMAT_KEY, formatRecord(SERIES_FORMAT), { sync: true });
}

/**
 * Gives columns from `firstColumn` on the series of a labels record; places that are unknown so far are filled, known
 * ones kept. Every log file and the database's second copy repeat what is known, so the record is read to its end only
 * where the group lacks some. @returns how many columns the record tells of. @throws DamagedError
 */
export function adopt(head: Head, group: Group, firstColumn: number, packed: Uint8Array): number {
  const known = group.packed;
  // The very same bytes, as the database's second copy and each log file have them: read once.
  if (firstColumn === 0 && known !== undefined && Buffer.compare(known.bytes, packed) === 0) return known.columns;
  const fresh = group.columns === 0;
  const layout = unpackLayout(packed);
  const count = countLayout(layout);
  if (group.columns >= firstColumn + count && !group.refs.subarray(0, group.columns).includes(NO_REF, firstColumn))
    return count;
  const refs = head.index.ensureAll(head.layouts.read(layout));
  head.settleAll(refs, group, firstColumn);
  if (fresh && firstColumn === 0) group.packed = { columns: count, bytes: new Uint8Array(packed) };
  return count;
}

/** What is read, by the letter of its keys. */
type Ranges = Readonly<Record<"g" | "h" | "w" | "c" | "m", ReadAhead>>;

function rangesOf(db: ByteLevel): Ranges {
  const range = (letter: string): ReadAhead => new ReadAhead(db, rangeOf(letter));
  return { g: range("g"), h: range("h"), w: range("w"), c: range("c"), m: range("m") };
}

const begun = new WeakMap<ByteLevel, Ranges>();

/** Begins to read what `loadHead` will ask for. Nobody may write in between. */
export function beginLoad(db: ByteLevel): void {
  begun.set(db, rangesOf(db));
}

async function loadGroups(ranges: Ranges, head: Head, damage: Damage): Promise<void> {
  for (const copy of ["g", "h"] as const) {
    for await (const piece of ranges[copy])
      for (const [key, record] of piece) {
        const place = parseGroupKey(key);
        if (place === undefined || place.firstColumn > COLUMNS_MAX) {
          damage.add(`labels record ${Buffer.from(key).toString("hex")}`, "the key is not one of opsmon's");
          continue;
        }
        const what = (): string =>
          `${copy === "g" ? "labels" : "second copy of labels"} of group ${place.group} from column ${place.firstColumn}`;
        const group = head.groups.get(place.group) ?? head.createGroup(place.group);
        const count = catching(damage, what, () => adopt(head, group, place.firstColumn, openRecord(key, record)));
        if (count === undefined) continue;
        if (copy === "g") group.saved = group.columns;
        else group.copied = place.firstColumn + count;
      }
  }
}

async function loadWatermarks(ranges: Ranges, head: Head, damage: Damage): Promise<void> {
  for await (const piece of ranges.w)
    for (const [key, record] of piece) {
      const id = key.length === 5 ? new DataView(key.buffer, key.byteOffset).getUint32(1) : 0;
      const group = head.groups.get(id);
      if (group === undefined) continue;
      catching(
        damage,
        () => `log position of group ${id}`,
        () => {
          const reader = new ByteReader(openRecord(key, record));
          group.openUntil = reader.f64();
          group.lateUntil = reader.f64();
          group.nextOrdinal = reader.varint();
          group.floor = reader.varint();
          for (let left = reader.varint(); left > 0; left--) group.dropped.add(reader.varint());
        },
      );
    }
}

async function loadChunks(ranges: Ranges, head: Head, damage: Damage): Promise<void> {
  for await (const piece of ranges.c)
    for (const [bytes, record] of piece) {
      const key = parseChunkKey(bytes);
      if (key === undefined) {
        damage.add(`chunk record ${Buffer.from(bytes).toString("hex")}`, "the key is not one of opsmon's");
        continue;
      }
      head.nextSeq = Math.max(head.nextSeq, key.seq + 1);
      const header = catching(
        damage,
        () => chunkName(key),
        () => readChunkHeader(key, record),
      );
      if (header === undefined) continue;
      const group = head.groups.get(key.group);
      if (group === undefined || group.columns === 0) {
        damage.add(chunkName(key), "the labels of its series are lost");
        continue;
      }
      const { end, rows, columns, samples, bytes: size, late, ordinal } = header;
      group.addChunk({ ...key, end, rows, columns, samples, bytes: size, late, ordinal });
      group.nextOrdinal = Math.max(group.nextOrdinal, ordinal + 1);
    }
  for (const group of head.groups.values()) {
    for (const ordinal of group.lostOrdinals()) {
      damage.add(`chunk number ${ordinal} of group ${group.id}`, "its record is missing or damaged");
    }
  }
}

async function loadMetadata(ranges: Ranges, damage: Damage): Promise<Map<string, Metadata>> {
  const described = new Map<string, Metadata>();
  const text = new TextDecoder();
  for await (const piece of ranges.m)
    for (const [key, record] of piece) {
      const family = text.decode(key.subarray(1));
      const stored = catching(
        damage,
        () => `metadata of "${family}"`,
        () => openRecord(key, record),
      );
      if (stored !== undefined) described.set(family, JSON.parse(text.decode(stored)) as Metadata);
    }
  return described;
}

/** Fills an empty head from the database. @returns metadata by family. @throws UserError `store-format`. */
export async function loadHead(db: ByteLevel, dir: string, head: Head, damage: Damage): Promise<Map<string, Metadata>> {
  const ranges = begun.get(db) ?? rangesOf(db);
  begun.delete(db);
  await checkFormat(db, dir, damage);
  const dropped = loadDropped(db, head, damage);
  dropped.catch(() => undefined);
  await loadGroups(ranges, head, damage);
  await loadWatermarks(ranges, head, damage);
  await loadChunks(ranges, head, damage);
  await dropped;
  return loadMetadata(ranges, damage);
}
