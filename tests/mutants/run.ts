// make mutants: puts one small fault after the other into a copy of the tree, builds it, and runs the tests
// that must notice. Words of a fault as arguments choose which. --seconds is how long the tests of one may
// take: one that hangs has noticed. Ends with 1 if one survived.

// @ts-types="../../lib/cli/std.d.ts"
import { join } from "@std/path/posix/join";
import { toolArguments } from "../../lib/launcher/arguments.ts";
import { apply, sources } from "./place.ts";
import { type Mutant, MUTANTS } from "./table.ts";

const ROOT = join(import.meta.dirname!, "../..");
const { words: chosen, seconds = "180" } = toolArguments({ texts: ["seconds"] });

const decoder = new TextDecoder();

async function run(cwd: string, words: string[]): Promise<{ code: number; output: string }> {
  const [program, ...args] = words;
  const env = { NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd, env, stdin: "null" })
    .output();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function succeed(cwd: string, ...words: string[]): Promise<void> {
  const { code, output } = await run(cwd, words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${output}`);
}

/**
 * Starts the bundle of the copy by itself: packing a file for each fault takes longer than most of their
 * tests.
 */
const starter = (copy: string) =>
  `#!/bin/sh
export MYDOCKER_SELF="${copy}/mydocker" DENO_DIR="${copy}/.build/cache" DENO_NO_UPDATE_CHECK=1
exec "${copy}/.build/deno" run -A --quiet --no-config --v8-flags=--single-threaded "${copy}/.build/full.js" "$@"
`;

/** A copy of what it takes to build and test; .build has the link to deno. */
async function copyTree(): Promise<string> {
  const copy = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "mydocker-mutants-" });
  await Deno.chmod(copy, 0o755);
  await succeed(
    ROOT,
    "cp",
    "-a",
    "main.ts",
    "deno.json",
    "deno.lock",
    "Makefile",
    "lib",
    "ffi",
    "tests",
    copy,
  );
  await Deno.mkdir(`${copy}/.build`);
  for (const name of ["default_filter.ts", "busybox.tar"]) {
    await succeed(ROOT, "cp", "-a", `.build/${name}`, `${copy}/.build/`);
  }
  await Deno.symlink(await Deno.realPath(`${ROOT}/.build/deno`), `${copy}/.build/deno`);
  await Deno.writeTextFile(`${copy}/mydocker`, starter(copy), { mode: 0o755 });
  return copy;
}

async function build(copy: string): Promise<void> {
  await succeed(copy, "make", "-s", ".build/default_filter.ts");
  await succeed(
    copy,
    ".build/deno",
    "bundle",
    "--quiet",
    "--frozen",
    "--keep-names",
    "-o",
    ".build/full.js",
    "main.ts",
  );
}

const isUnit = (test: string) => test.startsWith("unit/");

/** Whether the mutant's tests pass in the copy as it is, and which failed first. */
async function testsPass(copy: string, { tests, filter }: Mutant): Promise<{ pass: boolean; first: string }> {
  if (!tests.every(isUnit)) await build(copy);
  const words = [
    "timeout",
    "--kill-after=10",
    seconds,
    ".build/deno",
    "test",
    "-A",
    "--frozen",
    "--no-check",
  ];
  const files = tests.map((test) => `tests/${test}`);
  const { code, output } = await run(copy, [...words, ...filter ? ["--filter", filter] : [], ...files]);
  if (/\| 0 passed .*\| 0 failed/.test(output)) throw new Error(`no test matches ${filter}`);
  const first = code === 124 ? "ran out of time" : /^(.*?) \.\.\. FAILED/m.exec(output)?.[1] ?? "";
  if (code !== 0 && first === "" && !/^error: /m.test(output)) throw new Error(output);
  return { pass: code === 0, first: first || (code === 0 ? "" : output.slice(-300)) };
}

const wanted = MUTANTS.filter(({ fault, tests }) =>
  chosen.length === 0 || chosen.some((word) => fault.includes(word) || tests.includes(word))
);
const copy = await copyTree();
const survivors: string[] = [];
try {
  const paths = sources(copy);
  for (const mutant of wanted) {
    const [path, text] = apply(copy, paths, mutant);
    const before = await Deno.readTextFile(`${copy}/${path}`);
    await Deno.writeTextFile(`${copy}/${path}`, text);
    const started = Date.now();
    const { pass, first } = await testsPass(copy, mutant).catch((error) => ({
      pass: true,
      first: String(error),
    }));
    await Deno.writeTextFile(`${copy}/${path}`, before);
    if (pass) survivors.push(mutant.fault);
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(`${pass ? "SURVIVED" : "noticed "} ${mutant.fault} (${path}, ${seconds} s) ${first}`);
  }
} finally {
  await Deno.remove(copy, { recursive: true });
}
console.log(`${wanted.length - survivors.length} noticed, ${survivors.length} survived`);
Deno.exit(survivors.length === 0 ? 0 : 1);
