// Parses the files of --env-file and --label-file.

import { Refusal } from "../base/error.ts";

/**
 * Lines of NAME=value or NAME. Blank lines and lines that begin with "#" are ignored; quotes have no meaning.
 * Throws Refusal with the file's `path` for a line without a name or with blanks in the name.
 */
export function envFileLines(text: string, path: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trimStart()).filter((line) =>
    line && !line.startsWith("#")
  );
  for (const line of lines) {
    const name = line.split("=", 1)[0];
    if (name === "") throw new Refusal(`invalid env file (${path}): no variable name on line '${line}'`);
    if (/\s/.test(name)) {
      throw new Refusal(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    }
  }
  return lines;
}
