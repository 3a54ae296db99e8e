// How a line in a test becomes arguments.

import { assertEquals, assertThrows } from "@std/assert";
import { words } from "./words.ts";

Deno.test("words: white space separates, quotes group, adjoining parts are one word", () => {
  assertEquals(words`ps`, ["ps"]);
  assertEquals(words``, []);
  assertEquals(
    words` run  -d
    --name c1 `,
    ["run", "-d", "--name", "c1"],
  );
  assertEquals(words`sh -c 'echo "a  b"; exit 3' ''`, ["sh", "-c", 'echo "a  b"; exit 3', ""]);
  assertEquals(words`sh -c "it's" --filter="name=a b"'c d'`, ["sh", "-c", "it's", "--filter=name=a bc d"]);
  assertEquals(words`-f {{.State.Pid}} -e A=1 [::1]:80 a#b ~x`, [
    "-f",
    "{{.State.Pid}}",
    "-e",
    "A=1",
    "[::1]:80",
    "a#b",
    "~x",
  ]);
});

Deno.test("words: a value is never taken apart, a list is as many words", () => {
  const odd = ` '"$*\n\\`;
  assertEquals(words`${odd} -e X=${odd}y 'a ${odd}' "${odd}"`, [odd, "-e", `X=${odd}y`, `a ${odd}`, odd]);
  assertEquals(words`${""} ${0} --n=${7}`, ["", "0", "--n=7"]);
  assertEquals(words`a ${["b c", ""]} ${[]} d`, ["a", "b c", "", "d"]);
  assertEquals(words`${["x"]}`, ["x"]);
});

Deno.test("words: in '…' all is as it stands but for JavaScript's own escapes", () => {
  assertEquals(words`'\n \\ $x \${x} \`id\` | * "'`, ['\\n \\\\ $x ${x} `id` | * "']);
});

Deno.test("words: what a shell would take for something else is a mistake", () => {
  for (
    const line of [
      () => words`a | b`,
      () => words`a\n`,
      () => words`a$b`,
      () => words`ls *`,
      () => words`a;b`,
    ]
  ) {
    assertThrows(line, Error, "outside of '…'");
  }
  assertThrows(() => words`"$HOME"`, Error, "$ outside of '…': \"$HOME\"");
  assertThrows(() => words`sh -c 'a`, Error, "no end of '");
  for (const line of [() => words`a${["b"]}`, () => words`${["b"]}c`, () => words`'${["b"]}'`]) {
    assertThrows(line, Error, "a list in a word");
  }
});
