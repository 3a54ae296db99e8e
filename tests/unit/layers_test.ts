// What make check says of imports that lead up, sideways or round.

// @ts-types="../../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
import { assertEquals } from "@std/assert";
import { checkLayers } from "../check_layers.ts";
import type { Floor } from "../layers/floors.ts";

const FLOORS: Floor[] = [
  { folders: ["main.ts"], what: "" },
  { folders: ["pure"], what: "", pure: true },
  { folders: ["upper", "beside"], what: "" },
  { folders: ["ffi"], what: "" },
];

/** What is said of a project of these files. */
async function problemsOf(files: Record<string, string>, floors = FLOORS): Promise<string[]> {
  const project = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${project}/lib`);
    await Deno.mkdir(`${project}/ffi`);
    for (const [path, text] of Object.entries({ "deno.json": "{}", ...files })) {
      await Deno.mkdir(dirname(`${project}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${project}/${path}`, text);
    }
    return await checkLayers(project, floors);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

const LOWEST = { "ffi/c.ts": "export type C = 1;\nexport const c = 1;\n" };

Deno.test("layers: imports that lead down are right, lazy ones and types as well", async () => {
  const main = 'import type { C } from "./ffi/c.ts";\nexport const a = () => import("./lib/upper/b.ts");\n' +
    "export const one: C = 1;\n";
  const files = { ...LOWEST, "main.ts": main, "lib/upper/b.ts": 'export { c } from "../../ffi/c.ts";\n' };
  assertEquals(await problemsOf(files), []);
});

Deno.test("layers: an import that leads up is named with its file, line and target", async () => {
  const upper = { "lib/upper/b.ts": "export type B = 1;\nexport const b = 1;\n" };
  for (
    const line of [
      'import { b } from "../lib/upper/b.ts"; export const x = b;',
      'import type { B } from "../lib/upper/b.ts"; export const x: B = 1;',
      'export const x = () => import("../lib/upper/b.ts");',
      'export { b } from "../lib/upper/b.ts";',
    ]
  ) {
    assertEquals(await problemsOf({ ...upper, "ffi/c.ts": `// A comment.\n${line}\n` }), [
      "ffi/c.ts:2: imports lib/upper/b.ts, but upper is above ffi",
    ]);
  }
});

Deno.test("layers: a folder beside, one on no floor, and a file directly below lib/ are named", async () => {
  const files = {
    "lib/beside/d.ts": "export const d = 1;\n",
    "lib/upper/b.ts": 'export { d } from "../beside/d.ts";\n',
    "lib/nowhere/e.ts": "export const e = 1;\n",
    "lib/alone.ts": "export const f = 1;\n",
    "main.ts": 'export { e } from "./lib/nowhere/e.ts";\nexport { f } from "./lib/alone.ts";\n',
  };
  assertEquals(await problemsOf(files), [
    "lib/upper/b.ts:1: imports lib/beside/d.ts, but upper and beside are on one floor",
    "main.ts:1: imports lib/nowhere/e.ts, but nowhere is on no floor",
    "main.ts:2: imports lib/alone.ts, but lib/alone.ts is on no floor",
  ]);
});

Deno.test("layers: files that import each other in a circle are named, within a folder, too", async () => {
  const files = {
    "lib/upper/a.ts": 'import type { B } from "./b.ts";\nexport type A = B | 1;\n',
    "lib/upper/b.ts": 'import type { C } from "./c.ts";\nexport type B = C | 2;\n',
    "lib/upper/c.ts": 'export type C = 3;\nexport const later = () => import("./a.ts");\n',
    "lib/upper/d.ts": 'export type { A } from "./a.ts";\n',
  };
  assertEquals(await problemsOf(files), [
    "a circle of imports: lib/upper/a.ts lib/upper/b.ts lib/upper/c.ts",
  ]);
});

Deno.test("layers: what a pure folder reaches asks the host for nothing", async () => {
  const types = "// Deno.cwd() is for others.\nexport type Signal = Deno.Signal;\nexport const n = 1;\n";
  const files = { "ffi/c.ts": types, "lib/pure/a.ts": 'export { n } from "../../ffi/c.ts";\n' };
  assertEquals(await problemsOf(files), []);
  const asking = {
    ...files,
    "ffi/ask.ts": "export const here = () => Deno.cwd();\n",
    "ffi/by.ts": 'export const later = () => import("./ask.ts");\n',
    "lib/pure/b.ts": '// By way of another.\nexport { later } from "../../ffi/by.ts";\n',
    "lib/pure/d.ts": "export const port = () => Deno.env.get('PORT');\n",
  };
  assertEquals(await problemsOf(asking), [
    "lib/pure/d.ts: asks the host for something, but pure is pure",
    "lib/pure/b.ts:2: imports ffi/by.ts, and with it ffi/ask.ts, which asks the host for something, but pure is pure",
  ]);
});

Deno.test("layers: whoever speaks to the user, and is no command, is named", async () => {
  const speaks = 'import { print } from "../base/output.ts";\nprint("");\n';
  const says = "// Not with console.log().\nconsole.log(1);\nDeno.exit(1);\n";
  const files = {
    "lib/base/output.ts":
      "export const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));\n",
    "lib/commands/a.ts": speaks + says,
    "lib/upper/b.ts": speaks,
    "lib/upper/d.ts": says,
    "main.ts": 'export {} from "./lib/commands/a.ts";\nexport {} from "./lib/upper/b.ts";\n',
  };
  const floors = [...FLOORS, { folders: ["commands"], what: "" }, { folders: ["base"], what: "" }];
  assertEquals((await problemsOf(files, floors)).filter((line) => !line.startsWith("main.ts")), [
    "lib/upper/b.ts:1: imports lib/base/output.ts, but only commands speak to the user",
    "lib/upper/d.ts:2: says console.",
    "lib/upper/d.ts:3: says Deno.exit",
  ]);
});
