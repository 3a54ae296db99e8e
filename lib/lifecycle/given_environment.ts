// The variables of -e and --env-file, with the parts that come from the host: files, and the caller's own
// values.

import { callerEnvironment } from "../base/environment.ts";
import type { EnvironmentOptions } from "../flags/environment_flags.ts";

/**
 * "NAME=value", or "NAME" for a variable that is removed, in order. Throws Failure for a file that can't be
 * read or is invalid.
 */
export async function givenEnvironment({ files, entries }: EnvironmentOptions): Promise<string[]> {
  return [...await linesOf(files), ...entries].map((entry) => {
    const value = entry.includes("=") ? undefined : callerEnvironment(entry);
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

/** The relevant lines of these files (--env-file, --label-file). Throws Failure. */
export async function linesOf(files: string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const [{ readInput }, { envFileLines }] = await Promise.all([
    import("../cli/input_file.ts"),
    import("../flags/env_file.ts"),
  ]);
  return files.flatMap((path) => envFileLines(readInput(path), path));
}
