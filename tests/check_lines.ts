// make check: comments are no wider than code, whose width `deno fmt` sees to, and neither is anything in
// files that no formatter knows.

// @ts-types="../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
// @ts-types="../lib/cli/std.d.ts"
import { extname } from "@std/path/posix/extname";
import { toolArguments } from "../lib/launcher/arguments.ts";

const WIDTH = 110;
/** Where `deno fmt` breaks what can be broken: what it leaves is a string's, or stands beside one. */
const FORMATTED = [".ts", ".js"];
const OTHERS = [".sh", ".S", ".service", ""];
/** Documents have a width of their own, or the formatter's. */
const LEFT_ALONE = ["LICENSE", "mydocker"];

/** A line that is a comment, or ends with one that no string contains. */
const COMMENT = /^\s*(?:\/\/|\/?\*)|^(?:[^"'`]|"[^"]*"|'[^']*'|`[^`]*`)*?\/\/ /;

/** What is wrong with the lines of a file, each as "file:line: …". */
export function longLines(path: string, text: string): string[] {
  const formatted = FORMATTED.includes(extname(path));
  return text.split("\n").flatMap((line, index) => {
    if (line.length <= WIDTH || formatted && !COMMENT.test(line)) return [];
    return [`${path}:${index + 1}: ${line.length} columns, where ${WIDTH} are wide enough`];
  });
}

/** The files of a project that are looked at, as paths from its folder. */
function files(project: string, folder = ""): string[] {
  return [...Deno.readDirSync(`${project}/${folder}`)].flatMap(({ name, isDirectory, isFile }) => {
    const path = `${folder}${name}`;
    if (isDirectory) return name.startsWith(".") && name !== ".ci" ? [] : files(project, `${path}/`);
    const known = [...FORMATTED, ...OTHERS].includes(extname(path)) && !name.startsWith(".");
    return isFile && known && !LEFT_ALONE.includes(name) ? [path] : [];
  });
}

if (import.meta.main) {
  const { words: [project = dirname(import.meta.dirname!)] } = toolArguments();
  const problems = files(project).sort().flatMap((path) =>
    longLines(path, Deno.readTextFileSync(`${project}/${path}`))
  );
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
