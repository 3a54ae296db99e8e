// What make check says of lines that are too long.

import { assertEquals } from "@std/assert";
import { longLines } from "../check_lines.ts";

const WORDS = "word ".repeat(22); // 110 columns

Deno.test("lines: a comment that is too wide is named, in whatever way it is one", () => {
  for (const line of [`// ${WORDS}`, ` * ${WORDS}`, `/** ${WORDS}`, `const quote = "it's"; // ${WORDS}`]) {
    assertEquals(longLines("lib/a.ts", `import "./b.ts";\n${line}\n`), [
      `lib/a.ts:2: ${line.length} columns, where 110 are wide enough`,
    ]);
  }
});

Deno.test("lines: 110 columns are right, and so is a string that nothing can break", () => {
  assertEquals(longLines("lib/a.ts", `// ${WORDS.slice(3)}\n`), []);
  for (const line of [`  "${WORDS}",`, `test("https://${WORDS}", () => {`, `  \`a // ${WORDS}\`,`]) {
    assertEquals(longLines("lib/a.ts", `${line}\n`), []);
  }
});

Deno.test("lines: where no formatter breaks code, its width counts, too", () => {
  assertEquals(longLines("tests/a.sh", `echo "${WORDS}"\necho\n`), [
    "tests/a.sh:1: 117 columns, where 110 are wide enough",
  ]);
  assertEquals(longLines("Makefile", `\techo ${WORDS}`).length, 1);
});
