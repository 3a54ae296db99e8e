// The variables that -e and --env-file ask for, with what only the host knows: files, and the caller's own.

import { callerEnvironment } from "../base/environment.ts";
import type { EnvironmentOptions } from "../flags/environment_flags.ts";

/**
 * "NAME=value", or "NAME" for one that there shall not be; in order. Throws Failure for a file that can't
 * be read, or makes no sense.
 */
export async function givenEnvironment({ files, entries }: EnvironmentOptions): Promise<string[]> {
  return [...await linesOf(files), ...entries].map((entry) => {
    const value = entry.includes("=") ? undefined : callerEnvironment(entry);
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

/** All lines of these files (--env-file, --label-file) that count. Throws Failure. */
export async function linesOf(files: string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const [{ readInput }, { envFileLines }] = await Promise.all([
    import("../cli/input_file.ts"),
    import("../flags/env_file.ts"),
  ]);
  return files.flatMap((path) => envFileLines(readInput(path), path));
}
