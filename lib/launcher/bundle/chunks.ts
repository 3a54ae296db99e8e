// Which modules become one file. Deno takes about 0.13 ms for each file it loads and 30 µs for each kB in it.
// So modules that the same starts need go together, and then files are joined for as long as that makes the
// starts cheaper.
//
// A start is what begins to load: an entry, or a module that is imported lazily.

import { closureOf, everLoadedBy, type Modules } from "./modules.ts";

/** Modules that become one file. */
export interface Chunk {
  modules: string[];
  bytes: number;
  /** Which starts need it, one byte each. */
  neededBy: Uint8Array;
}

/** Where something begins to load, and how much its time counts. */
export interface Start {
  id: string;
  isEntry: boolean;
  weight: number;
}

const COST_OF_FILE = 0.13;
const COST_OF_BYTE = 30e-6;

/**
 * Puts each module into one chunk. No chunks import each other in a circle, no two entries are in one, and no
 * two lazily imported modules that export the same name.
 */
export function chunksOf(modules: Modules, starts: Start[]): Chunk[] {
  let chunks = bySameStarts(modules, starts);
  for (;;) {
    const pair = bestPair(modules, starts, chunks);
    if (!pair) return chunks;
    chunks = [...chunks.filter((chunk) => !pair.includes(chunk)), joined(...pair)];
  }
}

function bySameStarts(modules: Modules, starts: Start[]): Chunk[] {
  const closures = starts.map((start) => loadedBy(modules, starts, start));
  const chunks = new Map<string, Chunk>();
  for (const { id, bytes } of modules.values()) {
    const neededBy = Uint8Array.from(closures, (closure) => Number(closure.has(id)));
    const chunk = chunks.get(neededBy.join()) ?? { modules: [], bytes: 0, neededBy };
    chunk.modules.push(id);
    chunk.bytes += bytes;
    chunks.set(neededBy.join(), chunk);
  }
  return [...chunks.values()];
}

/**
 * What a start loads. Where it is a lazy import, what all the entries that can come to it have is loaded
 * already.
 */
function loadedBy(modules: Modules, starts: Start[], { id, isEntry }: Start): Set<string> {
  const needed = closureOf(modules, id);
  if (isEntry) return needed;
  const before = starts.filter((start) => start.isEntry && everLoadedBy(modules, start.id).has(id));
  const closures = before.map((entry) => closureOf(modules, entry.id));
  return new Set([...needed].filter((other) => !closures.every((closure) => closure.has(other))));
}

function joined(a: Chunk, b: Chunk): Chunk {
  const neededBy = a.neededBy.map((needed, n) => needed | b.neededBy[n]);
  return { modules: [...a.modules, ...b.modules], bytes: a.bytes + b.bytes, neededBy };
}

/** The two chunks whose joining gains most; undefined where none gains anything. */
function bestPair(modules: Modules, starts: Start[], chunks: Chunk[]): [Chunk, Chunk] | undefined {
  const gains = chunks.flatMap((a, n) =>
    chunks.slice(n + 1).map((b) => ({ pair: [a, b] as [Chunk, Chunk], gain: gainOf(starts, a, b) }))
  ).filter(({ gain }) => gain > 0).sort((one, other) => other.gain - one.gain);
  const next = importsBetween(modules, chunks);
  return gains.find(({ pair }) => mayJoin(modules, starts, pair) && !leadsBack(next, ...pair))?.pair;
}

/**
 * What joining them saves, in weighted milliseconds: files that are not loaded, less bytes loaded in vain.
 */
function gainOf(starts: Start[], a: Chunk, b: Chunk): number {
  return starts.reduce((sum, { weight }, n) => {
    const [needsA, needsB] = [a.neededBy[n], b.neededBy[n]];
    if (needsA && needsB) return sum + weight * COST_OF_FILE;
    if (needsA) return sum - weight * COST_OF_BYTE * b.bytes;
    return needsB ? sum - weight * COST_OF_BYTE * a.bytes : sum;
  }, 0);
}

/**
 * An entry runs when its file is loaded; and whoever imports a module lazily gets all that its file exports.
 */
function mayJoin(modules: Modules, starts: Start[], pair: [Chunk, Chunk]): boolean {
  const inside = starts.filter(({ id }) => pair.some((chunk) => chunk.modules.includes(id)));
  const names = inside.flatMap(({ id }) => modules.get(id)!.exports);
  return inside.filter(({ isEntry }) => isEntry).length < 2 && new Set(names).size === names.length;
}

/** Which chunks each chunk imports from. */
export function importsBetween(modules: Modules, chunks: Chunk[]): Map<Chunk, Set<Chunk>> {
  const home = new Map(chunks.flatMap((chunk) => chunk.modules.map((id) => [id, chunk])));
  return new Map(chunks.map((chunk) => {
    const imported = chunk.modules.flatMap((id) => modules.get(id)!.imports).map((id) => home.get(id)!);
    return [chunk, new Set(imported.filter((other) => other !== chunk))];
  }));
}

/** Whether one of the two needs the other by way of a third, so that both in one file would make a circle. */
function leadsBack(next: Map<Chunk, Set<Chunk>>, a: Chunk, b: Chunk): boolean {
  const reaches = (from: Chunk, to: Chunk) => {
    const open = [...next.get(from)!].filter((chunk) => chunk !== to);
    for (const chunk of open) {
      if (chunk === to) return true;
      for (const other of next.get(chunk)!) if (!open.includes(other)) open.push(other);
    }
    return false;
  };
  return reaches(a, b) || reaches(b, a);
}
