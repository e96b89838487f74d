/**
 * Where a value stands in its file: for mistakes that are found later than the file is read, in what it names. In:
 * the file's tree and a way down. Out: a position; of the nearest thing above when the value itself is not there.
 */
import type { Position, YamlNode } from "../base/yaml.ts";

const FILE_AS_A_WHOLE: Position = { line: 0, column: 0 };

/**
 * @param keys map keys from the top.
 * @param item an item of the list found there: the scalar whose text this accepts.
 */
export function placeIn(
  root: YamlNode | undefined,
  keys: readonly string[],
  item?: (text: string) => boolean,
): Position {
  let place: Position = FILE_AS_A_WHOLE;
  let node = root;
  for (const key of keys) {
    const entry = node?.kind === "map" ? node.entries.find((one) => one.key === key) : undefined;
    if (entry === undefined) return place;
    node = entry.value;
    place = { line: node.line, column: node.column };
  }
  if (item === undefined || node?.kind !== "seq") return place;
  const found = node.items.find((one) => one.kind === "scalar" && item(one.text));
  return found === undefined ? place : { line: found.line, column: found.column };
}
