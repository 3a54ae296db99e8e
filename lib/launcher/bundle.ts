// Makes the files that mydocker runs: bundle.ts TO. COMMAND.js is what a start of that command loads, full.js
// what any other word needs; PROGRAM.PART.js are shared, or loaded when they are wanted. See
// bundle/programs.ts and bundle/chunks.ts.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
// @ts-types="../../lib/cli/std.d.ts"
import { extname } from "@std/path/posix/extname";
// @ts-types="../../lib/cli/std.d.ts"
import { join } from "@std/path/posix/join";
import { toolArguments } from "./arguments.ts";
import { type Bundler, ENTRY, newBundler, stopBundler } from "./bundle/bundler.ts";
import { type Chunk, chunksOf } from "./bundle/chunks.ts";
import { type Modules, modulesOf } from "./bundle/modules.ts";
import {
  allCommands,
  type BundledProgram,
  type Command,
  fileName,
  MAIN,
  programsOf,
} from "./bundle/programs.ts";
import { textsOf } from "./bundle/write.ts";

const PROJECT = join(import.meta.dirname!, "../..");

/** How much a plain start of a command counts against what it may load later. */
const WEIGHTS = { entry: 1, lazy: 0.05 };

/** A module of deno.json's packages as one file: deno finds it, esbuild could not. */
async function bundlePackage(name: string): Promise<string> {
  const folder = `${PROJECT}/.build/packages`;
  Deno.mkdirSync(folder, { recursive: true });
  const file = `${folder}/${name.replaceAll(/\W/g, "_")}`;
  const exported = "default" in await import(name) ? "{ default }" : "*";
  Deno.writeTextFileSync(`${file}.ts`, `export ${exported} from ${JSON.stringify(name)};\n`);
  const args = ["bundle", "--quiet", "--frozen", "-o", `${file}.js`, `${file}.ts`];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: PROJECT }).output();
  if (!success) throw new Error(`deno bundle ${name}: ${new TextDecoder().decode(stderr)}`);
  return `${file}.js`;
}

/** Each is made once, when the first one imports it. */
function packages(): (name: string) => Promise<string> {
  const made = new Map<string, Promise<string>>();
  return (name) => {
    const file = made.get(name) ?? bundlePackage(name);
    made.set(name, file);
    return file;
  };
}

/** What is loaded to run this command alone. */
function entryOf(command: Command): string {
  const only = `${PROJECT}/lib/launcher/only.ts`;
  return `import * as command from ${JSON.stringify(command.file)};\n` +
    `import { only } from ${JSON.stringify(only)};\nonly(${JSON.stringify(command.name)}, command);\n`;
}

async function bundleProgram(bundler: Bundler, program: BundledProgram): Promise<Map<string, string>> {
  const entries = program.commands.map((command) => `${ENTRY}${fileName(command)}`);
  if (program.main) entries.push(`${ENTRY}${MAIN}`);
  const modules = await modulesOf(bundler, entries);
  const lazy = new Set([...modules.values()].flatMap(({ lazyImports }) => lazyImports));
  const starts = [
    ...entries.map((id) => ({ id, isEntry: true, weight: WEIGHTS.entry })),
    ...[...lazy].map((id) => ({ id, isEntry: false, weight: WEIGHTS.lazy })),
  ];
  const chunks = chunksOf(modules, starts);
  return await textsOf(bundler, modules, chunks, names(program, modules, chunks));
}

/** An entry's file has its name; any other that of the largest module in it. */
function names(program: BundledProgram, modules: Modules, chunks: Chunk[]): (chunk: Chunk) => string {
  const taken = new Map<string, Chunk>();
  for (const chunk of chunks) {
    const entry = chunk.modules.find((id) => id.startsWith(ENTRY));
    const [largest] = chunk.modules.toSorted((a, b) => modules.get(b)!.bytes - modules.get(a)!.bytes);
    let name = entry?.slice(ENTRY.length) ?? `${program.name}.${basename(largest, extname(largest))}`;
    while (taken.has(name)) name += "_";
    taken.set(name, chunk);
  }
  const nameOf = new Map([...taken].map(([name, chunk]) => [chunk, name]));
  return (chunk) => nameOf.get(chunk)!;
}

const { words: [to] } = toolArguments();
const commands = await allCommands(`${PROJECT}/lib/commands`);
const entries = new Map(commands.map((command) => [fileName(command), entryOf(command)]));
entries.set(MAIN, `import ${JSON.stringify(`${PROJECT}/main.ts`)};\n`);
Deno.mkdirSync(to, { recursive: true });
const bundler = newBundler({ folder: PROJECT, entries, packageFile: packages() });
for (const program of programsOf(commands)) {
  for (const [name, text] of await bundleProgram(bundler, program)) {
    Deno.writeTextFileSync(`${to}/${name}`, text);
  }
}
await stopBundler();
