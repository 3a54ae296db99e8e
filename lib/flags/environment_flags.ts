// -e and --env-file.

import type { Flag, Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";

export const ENVIRONMENT_FLAGS: Flag[] = [
  {
    name: "env",
    short: "e",
    kind: "list",
    help: "Set environment variables",
  },
  { name: "env-file", kind: "list", help: "Read in a file of environment variables" },
];

/** The values of these flags; lifecycle/given_environment.ts turns them into variables. */
export interface EnvironmentOptions {
  /** Paths of files, whose lines come before the entries. */
  files: string[];
  /** "NAME=value", or "NAME" for the caller's value of it. */
  entries: string[];
}

/** Throws Refusal for an invalid variable. */
export function environmentOptions(parsed: Parsed): EnvironmentOptions {
  const entries = parsed.list("env");
  for (const entry of entries) {
    if (entry === "" || entry.startsWith("=")) {
      throw new Refusal(`invalid environment variable: ${entry}`);
    }
  }
  return { files: parsed.list("env-file"), entries };
}
