// -e and --env-file.

import type { Flag, Parsed } from "../cli/command.ts";
import { callerEnvironment } from "../base/environment.ts";
import { Refusal } from "../base/error.ts";
import { readInput } from "../cli/input_file.ts";

export const ENVIRONMENT_FLAGS: Flag[] = [
  {
    name: "env",
    short: "e",
    kind: "list",
    help: "Set environment variables",
  },
  { name: "env-file", kind: "list", help: "Read in a file of environment variables" },
];

/** The variables that the flags set, as "NAME=value", or "NAME" for one that there shall not be; in order. */
export function givenEnvironment(parsed: Parsed): string[] {
  return [...parsed.list("env-file").flatMap(readEnvFile), ...parsed.list("env")].map((entry) => {
    if (entry === "" || entry.startsWith("=")) {
      throw new Refusal(`invalid environment variable: ${entry}`);
    }
    const value = entry.includes("=") ? undefined : callerEnvironment(entry);
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

/**
 * Lines of NAME=value or NAME; blank lines and those beginning with "#" do not count; quotes mean nothing.
 */
export function readEnvFile(path: string): string[] {
  const lines = readInput(path).split(/\r?\n/).map((line) => line.trimStart()).filter((line) =>
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
