// What speaks to the user, and who may: lib prints nothing and knows no exit codes, but for its commands and
// what they are made with.

import type { Arrow } from "./arrows.ts";

/** The folders and files that are the user interface. */
const INTERFACE = ["main.ts", "lib/commands/", "lib/cli/", "lib/launcher/"];
/** The modules that only these import. */
const MODULES = ["lib/base/output.ts", "lib/cli/exit_code.ts"];
/** What only these say, */
const WORDS = /\bDeno\.(exit|stdout|stderr)\b|\bconsole\.|\bnoticesTo\(/;
/** and the files of others that do: each is a way for all others, or a tool of the build. */
const WAYS = [
  "lib/base/output.ts",
  "lib/base/notice.ts",
  "lib/base/debug.ts",
  "lib/seccomp/write_default.ts",
];

const isInterface = (file: string): boolean => INTERFACE.some((place) => file.startsWith(place));

/** Whoever speaks to the user and should not, a line each. */
export function checkVoice(all: Arrow[], files: string[], textOf: (file: string) => string): string[] {
  const imports = all.filter(({ from, to }) => MODULES.includes(to) && !isInterface(from))
    .map(({ from, to, line }) => `${from}:${line}: imports ${to}, but only commands speak to the user`);
  const words = files.filter((file) => file.startsWith("lib/") && !isInterface(file) && !WAYS.includes(file))
    .flatMap((file) => wordsIn(textOf(file)).map(([line, word]) => `${file}:${line}: says ${word}`));
  return [...imports, ...words];
}

/** With the number of its line; comments may say anything. */
function wordsIn(text: string): [line: number, word: string][] {
  return text.split("\n").flatMap((line, at) => {
    const word = /^\s*(\/\/|\/?\*)/.test(line) ? undefined : WORDS.exec(line)?.[0];
    return word === undefined ? [] : [[at + 1, word]];
  });
}
