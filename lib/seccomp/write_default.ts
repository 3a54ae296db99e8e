// Writes the default filter as a module to stdout: see compile_default.ts.

import { compileDefault } from "./compile_default.ts";
import { encodeFilter } from "./encode.ts";

const { code, gates } = compileDefault(Deno.build.arch);
const text = encodeFilter(code);
const open = gates.filter(([, capabilities]) => capabilities.length > 0);
await Deno.stdout.write(new TextEncoder().encode(
  `// Made by make from lib/seccomp/table.ts.
export const CODE = "${text}";
export const GATES: [number, number[]][] = ${JSON.stringify(open)};
`,
));
