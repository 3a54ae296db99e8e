// Makes the files of one command's bundle: COMMAND.js with what every start of it needs, and a file for each module that is
// imported only when it is wanted. esbuild's splitting makes one of every set of modules that the same places reach, 25
// for `run` alone; loading a file costs Deno 0.13 ms. So those that COMMAND.js can't do without become a part of it.
//
//   split.ts COMMAND FROM TO: FROM has what `deno bundle --code-splitting` made of COMMAND; TO gets COMMAND.js and
//   COMMAND-MODULE.js

const [command, from, to] = Deno.args;

/** import{a as X}from"./chunk-1.js" and import"./chunk-1.js" */
const STATIC_IMPORT = /import(?:\{([^}]*)\}from)?"\.\/([\w-]+)\.js";/g;
/** Of what is written out so, Deno loads all before it runs any: it is hidden from it. */
const DYNAMIC_IMPORT = /import\("\.\/([\w-]+)\.js"\)/g;
const EXPORTS = /export\{([^}]*)\};\s*$/;

const texts = new Map<string, string>();
for (const { name } of Deno.readDirSync(from)) {
  texts.set(name.slice(0, -".js".length), Deno.readTextFileSync(`${from}/${name}`));
}

/** All that the module imports, and what those import, and so on; itself too. */
function closure(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, , imported] of texts.get(name)!.matchAll(STATIC_IMPORT)) closure(imported, found);
  return found;
}

const needed = [...closure(command)];

/** Characters below which a part costs less to have in COMMAND.js than a file of its own costs those who want it. */
const SMALL = 600;

/** Adds what is small, and needs nothing else. Only parts, which esbuild calls chunks, are never asked for by name. */
for (let before = 0; before < needed.length;) {
  before = needed.length;
  for (const [name, text] of texts) {
    if (needed.includes(name) || !name.startsWith("chunk-") || text.length > SMALL) continue;
    if ([...text.matchAll(STATIC_IMPORT)].every(([, , imported]) => needed.includes(imported))) {
      needed.push(name);
    }
  }
}

/** Under what name COMMAND.js exports what a part of it did. */
const exported = (part: string, name: string) => `${name}$${needed.indexOf(part)}`;

/** Takes from COMMAND.js what has become a part of it. */
function redirect(text: string): string {
  const redirected = text.replace(STATIC_IMPORT, (_, names: string | undefined, module: string) => {
    if (!needed.includes(module)) return `import${names ? `{${names}}from` : ""}"./${command}-${module}.js";`;
    if (!names) return "";
    const clauses = names.split(",").map((entry) => {
      const [name, local = name] = entry.split(" as ");
      return `${exported(module, name)} as ${local}`;
    });
    return `import{${clauses.join(",")}}from"./${command}.js";`;
  });
  return redirected.replace(DYNAMIC_IMPORT, `import("../${command}-$1.js".slice(1))`);
}

/** One module that imports the parts, and exports all they do. */
function whole(): string {
  const lines = needed.map((part) => {
    const names = EXPORTS.exec(texts.get(part)!)?.[1].split(",").map((entry) =>
      entry.split(" as ").at(-1)!
    ) ?? [];
    const clauses = names.map((name) => `${name} as ${exported(part, name)}`);
    return `export {${clauses.join(", ")}} from "./${part}.js";\n`;
  });
  return lines.join("");
}

for (const [name, text] of texts) {
  if (!needed.includes(name)) Deno.writeTextFileSync(`${to}/${command}-${name}.js`, redirect(text));
}
for (const name of needed) {
  const text = texts.get(name)!.replace(DYNAMIC_IMPORT, `import("../${command}-$1.js".slice(1))`);
  Deno.writeTextFileSync(`${from}/${name}.js`, text);
}
Deno.writeTextFileSync(`${from}/whole.js`, whole());
