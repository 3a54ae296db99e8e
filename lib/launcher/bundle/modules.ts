// The modules of a program and what they import, as esbuild reads them.

import type * as esbuild from "esbuild";
import type { Bundler } from "./bundler.ts";

/** A module: a file, or an entry that was made up (bundler.ts). */
export interface Module {
  id: string;
  /** Bytes it has in a bundle, without what it imports. */
  bytes: number;
  /** What it can't begin without. */
  imports: string[];
  /** What it loads when it is wanted. */
  lazyImports: string[];
  /** Names it exports. */
  exports: string[];
}

export type Modules = Map<string, Module>;

/**
 * All that these entries import, at once or later; without modules of types only. Throws what esbuild says.
 */
export async function modulesOf(bundler: Bundler, entries: string[]): Promise<Modules> {
  const { inputs, outputs } = await bundler.analyse(entries);
  const bytes = new Map<string, number>();
  for (const output of Object.values(outputs)) {
    for (const [id, { bytesInOutput }] of Object.entries(output.inputs)) {
      bytes.set(id, (bytes.get(id) ?? 0) + bytesInOutput);
    }
  }
  const present = Object.entries(inputs).filter(([id]) => bytes.has(id));
  const exports = await bundler.exportsOf(present.map(([id]) => id));
  return new Map(present.map(([id, input]) => [id, {
    id,
    bytes: bytes.get(id)!,
    imports: importsOf(input, "import-statement").filter((path) => bytes.has(path)),
    lazyImports: importsOf(input, "dynamic-import"),
    exports: exports.get(id)!,
  }]));
}

function importsOf(input: esbuild.Metafile["inputs"][string], kind: esbuild.ImportKind): string[] {
  return input.imports.filter((found) => found.kind === kind && !found.external).map(({ path }) => path);
}

/** All that is loaded with this module, itself too. */
export function closureOf(modules: Modules, id: string, found = new Set<string>()): Set<string> {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of modules.get(id)!.imports) closureOf(modules, imported, found);
  return found;
}

/** All that it loads at once or later. */
export function everLoadedBy(modules: Modules, id: string): Set<string> {
  const found = new Set([id]);
  for (const each of found) {
    const { imports, lazyImports } = modules.get(each)!;
    for (const imported of [...imports, ...lazyImports]) found.add(imported);
  }
  return found;
}
