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

/** What these flags say; lifecycle/given_environment.ts makes variables of it. */
export interface EnvironmentOptions {
  /** Paths of files, whose lines come before the entries. */
  files: string[];
  /** "NAME=value", or "NAME" for the caller's value of it. */
  entries: string[];
}

/** Throws Refusal for what can't be a variable. */
export function environmentOptions(parsed: Parsed): EnvironmentOptions {
  const entries = parsed.list("env");
  for (const entry of entries) {
    if (entry === "" || entry.startsWith("=")) {
      throw new Refusal(`invalid environment variable: ${entry}`);
    }
  }
  return { files: parsed.list("env-file"), entries };
}
