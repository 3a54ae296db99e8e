import type { ExitCodes } from "./exit_code.ts";

/**
 * The type of a flag's value. A `list` may be given several times and keeps the order of the command line.
 */
export type FlagKind = "bool" | "string" | "int" | "list";

/** A command line flag, for the parser and the help text. */
export interface Flag {
  /** Long name, without dashes. */
  name: string;
  /** One-letter name, without dash. */
  short?: string;
  /** A name of several letters after one dash: "mem" for -mem, as tutorials write it. */
  oneDash?: string;
  kind: FlagKind;
  /** Placeholder for the value in the help text; the kind when absent. */
  value?: string;
  /** The value that Parsed returns when the flag is not given. */
  default?: string | number | boolean;
  help: string;
  /** The flag works, but the help text does not show it. */
  hidden?: boolean;
}

/** The description of a command. */
export interface CommandSpec {
  /** "run", "volume create" */
  name: string;
  /** The rest of the usage line: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
  usage: string;
  summary: string;
  /** Other full names of the command: "container run" */
  aliases?: string[];
  flags: Flag[];
  /** The smallest and largest number of arguments; Infinity for no limit. */
  args: [min: number, max: number];
  /** The command's exit codes where they differ from docker's usual ones. */
  exits?: ExitCodes;
  /** Flags end at the first argument (run, create, exec), since the rest is the container's command. */
  stopAtFirstArg?: boolean;
}

/**
 * A parsed command line. The accessors take a flag's long name. They throw a plain Error if the spec has no
 * such flag of that kind, which is a bug.
 */
export interface Parsed {
  args: string[];
  /** Whether the flag was given, whatever its value. */
  given(name: string): boolean;
  bool(name: string): boolean;
  text(name: string): string | undefined;
  int(name: string): number | undefined;
  list(name: string): string[];
}

/** The exports of a file under lib/commands. */
export interface CommandModule {
  spec: CommandSpec;
  /** Runs the command and returns the exit code of the process. */
  run(parsed: Parsed): number | Promise<number>;
}

/** The command as typed: "mydocker run", or "mydocker" for a spec with an empty name. */
export function commandPath(spec: { name: string }): string {
  return spec.name === "" ? "mydocker" : `mydocker ${spec.name}`;
}

/** The first words of two-word commands. */
export const GROUPS = ["container", "image", "network", "system", "volume"];
