// The four ways in which GNU tar writes files with holes ("Sparse Formats" in its manual). All list the parts
// of the file that the archive's data fill: pairs of offset and length, in order.

import { decodeName } from "../../ffi/bytes.ts";
import { BLOCK } from "./tar_entry.ts";
import { readNumber, tarError } from "./tar_header.ts";
import { decimal, paxName, paxNumber, type PaxRecords } from "./tar_pax.ts";

/** offset, length, offset, length, … */
export type SparseMap = number[];

/** More parts than this in one file are treated as damage, because the map has to be in memory. */
const MAX_NUMBERS = 1 << 21;

const damaged = () => tarError("damaged archive: bad map of a sparse file");

/**
 * Old GNU: adds the pairs in the block at `at`, `count` at most, to `map`. The first pair with an empty or
 * missing field ends them. The main header has 4 at byte 386, an extension block 21 at byte 0.
 */
export function readOldPairs(bytes: Uint8Array, at: number, count: number, map: SparseMap): void {
  for (let i = 0; i < count && bytes[at + i * 24] !== 0; i++) {
    map.push(readNumber(bytes, at + i * 24, 12), readNumber(bytes, at + i * 24 + 12, 12));
  }
  if (map.length > MAX_NUMBERS) throw damaged();
}

/**
 * The full size and, in formats 0.0 and 0.1, the map from the PAX records; undefined if the file is not
 * sparse.
 */
export function paxSparse(
  records: PaxRecords,
): { size: number; map: SparseMap; mapInData: boolean } | undefined {
  const mapInData = paxName(records, "GNU.sparse.major") === "1";
  const size = paxNumber(records, mapInData ? "GNU.sparse.realsize" : "GNU.sparse.size");
  if (size === undefined) {
    if (mapInData) throw damaged();
    return undefined;
  }
  if (mapInData) return { size, map: [], mapInData };
  const list = records.values.get("GNU.sparse.map");
  const map = list ? decodeName(list).split(",").filter((field) => field !== "").map(Number) : [];
  for (const { key, value } of records.sparse) {
    // 0.0: offset and numbytes alternate.
    if ((key === "GNU.sparse.offset") !== (map.length % 2 === 0)) throw damaged();
    map.push(decimal(value));
  }
  return { size, map, mapInData };
}

/**
 * Format 1.0's map, which precedes the data: decimal numbers, one a line. The first is the number of pairs.
 */
export interface MapReader {
  numbers: number[];
  digits: string;
}

/** Reads one block; true once the map is complete (the rest of the block is padding). */
export function readMapBlock(reader: MapReader, bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK; i++) {
    if (bytes[i] !== 0x0a) {
      reader.digits += String.fromCharCode(bytes[i]);
      continue;
    }
    if (!/^\d{1,19}$/.test(reader.digits)) throw damaged();
    reader.numbers.push(Number(reader.digits));
    reader.digits = "";
    if (reader.numbers[0] > MAX_NUMBERS / 2) throw damaged();
    if (reader.numbers.length === 1 + 2 * reader.numbers[0]) return true;
  }
  if (reader.digits.length > 19) throw damaged();
  return false;
}

/**
 * Throws unless the parts are in order, inside the file's `size`, and together as long as the archive's data.
 */
export function checkMap(map: SparseMap, size: number, dataSize: number): void {
  let end = 0;
  let total = 0;
  for (let i = 0; i < map.length; i += 2) {
    const [offset, length] = [map[i], map[i + 1]];
    if (!(offset >= end && length >= 0)) throw damaged();
    end = offset + length;
    total += length;
  }
  if (!(end <= size && total === dataSize && Number.isSafeInteger(size))) throw damaged();
}
