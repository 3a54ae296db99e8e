// Writes a program's chunks as files that import from each other.

import type { Bundler } from "./bundler.ts";
import type { Chunk } from "./chunks.ts";
import type { Modules } from "./modules.ts";

/**
 * Deno loads whatever a file imports lazily by a name written out before it runs any of it: so it is not
 * written out.
 */
const LAZY_IMPORT = /import\("\.\/([\w.-]+)"\)/g;

/** A name of a module's under which its chunk exports it: no two modules' are the same. */
type Names = Map<string, Record<string, string>>;

/**
 * Files by their names ("run.js"). `nameOf` gives each chunk's, without ".js". Throws where esbuild did not
 * do as expected.
 */
export async function textsOf(
  bundler: Bundler,
  modules: Modules,
  chunks: Chunk[],
  nameOf: (chunk: Chunk) => string,
): Promise<Map<string, string>> {
  const home = new Map(chunks.flatMap((chunk) => chunk.modules.map((id) => [id, chunk] as const)));
  const names = allNames(modules);
  const build = (exported: Names) =>
    Promise.all(chunks.map((chunk) => textOf({ bundler, modules, home, nameOf, exported }, chunk)));
  // Twice: what nobody uses can only be left out once all have said what they do.
  const texts = await build(usedNames(names, await build(names)));
  return new Map(zip(chunks.map((chunk) => `${nameOf(chunk)}.js`), texts));
}

function zip<A, B>(these: A[], those: B[]): [A, B][] {
  return these.map((one, n) => [one, those[n]]);
}

interface Building {
  bundler: Bundler;
  modules: Modules;
  home: Map<string, Chunk>;
  nameOf: (chunk: Chunk) => string;
  /** Those that a chunk has to export. */
  exported: Names;
}

async function textOf(building: Building, chunk: Chunk): Promise<string> {
  const { bundler, modules, home, nameOf, exported } = building;
  const lazy = new Set([...modules.values()].flatMap(({ lazyImports }) => lazyImports));
  const source = chunk.modules.map((id) => {
    const clauses = Object.entries(exported.get(id)!).map(([own, there]) => `${own} as ${there}`);
    if (lazy.has(id)) clauses.push(...modules.get(id)!.exports);
    const from = JSON.stringify(id.includes(":") ? id : `/${id}`);
    return clauses.length > 0 ? `export { ${clauses.join(", ")} } from ${from};\n` : `import ${from};\n`;
  });
  const { text, imports, lazyImports } = await bundler.chunk(source.join(""), (id) => {
    const other = home.get(id);
    if (!other || other === chunk) return undefined;
    return { file: `./${nameOf(other)}.js`, exports: modules.get(id)!.exports, names: exported.get(id)! };
  });
  expectSame([...text.matchAll(IMPORT_CLAUSE)].map(([, , file]) => file), imports);
  return hidden(text, lazyImports);
}

function allNames(modules: Modules): Names {
  let count = 0;
  return new Map([...modules.values()].map(({ id, exports }) => {
    return [id, Object.fromEntries(exports.map((name) => [name, `$${(count++).toString(36)}`]))];
  }));
}

/** Imports from another chunk, as esbuild writes them: import{name$1 as a,other$2 as b}from"./file.js" */
const IMPORT_CLAUSE = /import\{([^}]*)\}from"(\.\/[\w.-]+)"/g;

/** Those that a chunk imports from another and then uses: esbuild leaves the others in the import, too. */
function usedNames(names: Names, texts: string[]): Names {
  const used = new Set(texts.flatMap((text) => {
    const words = new Map<string, number>();
    for (const [word] of text.matchAll(/[\w$]+/g)) words.set(word, (words.get(word) ?? 0) + 1);
    const clauses = [...text.matchAll(IMPORT_CLAUSE)].flatMap(([, clause]) => clause.split(","));
    const pairs = clauses.map((clause) => clause.split(" as "));
    return pairs.filter(([name, local = name]) => words.get(local)! > 1).map(([name]) => name);
  }));
  return new Map([...names].map(([id, own]) => {
    return [id, Object.fromEntries(Object.entries(own).filter(([, name]) => used.has(name)))];
  }));
}

/** Has each lazy import name its file in a way that deno doesn't foresee. */
function hidden(text: string, lazyImports: string[]): string {
  const found: string[] = [];
  const changed = text.replace(LAZY_IMPORT, (_, file) => {
    found.push(`./${file}`);
    return `import("../${file}".slice(1))`;
  });
  expectSame(found, lazyImports);
  return changed;
}

/** Throws unless the imports that were found in esbuild's text are those that it tells of. */
function expectSame(found: string[], told: string[]): void {
  if (found.toSorted().join() !== told.toSorted().join()) {
    throw new Error(`esbuild imports ${told.join(", ")}, but its text says ${found.join(", ")}`);
  }
}
