// The options of exec.

import type { Flag, Parsed } from "../cli/command.ts";
import { Failure } from "../base/error.ts";
import { DETACH_KEYS } from "./attach_flags.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import { ENVIRONMENT_FLAGS, type EnvironmentOptions, environmentOptions } from "./environment_flags.ts";

export const EXEC_FLAGS: Flag[] = [
  { name: "detach", short: "d", kind: "bool", help: "Detached mode: run command in the background" },
  DETACH_KEYS,
  ...ENVIRONMENT_FLAGS,
  { name: "interactive", short: "i", kind: "bool", help: "Keep STDIN open even if not attached" },
  { name: "privileged", kind: "bool", help: "Give extended privileges to the command" },
  { name: "tty", short: "t", kind: "bool", help: "Allocate a pseudo-TTY" },
  {
    name: "user",
    short: "u",
    kind: "string",
    help: 'Username or UID (format: "<name|uid>[:<group|gid>]")',
  },
  { name: "workdir", short: "w", kind: "string", help: "Working directory inside the container" },
];

export interface ExecOptions {
  container: string;
  argv: string[];
  environment: EnvironmentOptions;
  /** Undefined for the container's user. */
  user?: string;
  workingDirectory?: string;
  tty: boolean;
  stdin: boolean;
  privileged: boolean;
  detach: boolean;
  /** Empty to turn detaching off. */
  detachKeys: number[];
}

/** Throws Failure, of the kinds "not found" and "not executable" for the command and its directory. */
export function execOptions(parsed: Parsed): ExecOptions {
  const detachKeys = parseDetachKeys(parsed.text("detach-keys")!);
  const workingDirectory = parsed.text("workdir") || undefined;
  if (workingDirectory && !workingDirectory.startsWith("/")) {
    throw new Failure(`the working directory '${workingDirectory}' must be an absolute path`, {
      kind: "not executable",
    });
  }
  const [container, ...argv] = parsed.args;
  if (argv[0] === "") {
    throw new Failure('exec: "": executable file not found in $PATH', { kind: "not found" });
  }
  return {
    container,
    argv,
    workingDirectory,
    detachKeys,
    environment: environmentOptions(parsed),
    user: parsed.text("user") || undefined,
    tty: parsed.bool("tty"),
    stdin: parsed.bool("interactive"),
    privileged: parsed.bool("privileged"),
    detach: parsed.bool("detach"),
  };
}
