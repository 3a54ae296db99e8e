// What is in the files that --env-file and --label-file name.

import { Refusal } from "../base/error.ts";

/**
 * Lines of NAME=value or NAME; blank lines and those beginning with "#" do not count; quotes mean nothing.
 * Throws Refusal, with the file's `path`, for a line without a name or with blanks in it.
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
