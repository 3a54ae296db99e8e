import type { ExitCodes } from "./exit_code.ts";

/** What a flag's value is; a `list` may be given several times and keeps the order of the command line. */
export type FlagKind = "bool" | "string" | "int" | "list";

/** One command line flag, as the parser and the help text need to know it. */
export interface Flag {
  /** Long name, without dashes. */
  name: string;
  /** One-letter name, without dash. */
  short?: string;
  /** A name of several letters behind one dash: "mem" for -mem, as tutorials have it. */
  oneDash?: string;
  kind: FlagKind;
  /** Placeholder for the value in the help text; the kind when absent. */
  value?: string;
  /** What the accessors of Parsed answer when the flag is not given. */
  default?: string | number | boolean;
  help: string;
  /** Parsed, but not shown in the help text. */
  hidden?: boolean;
}

/** The shape of one command: everything known about it before its module is loaded. */
export interface CommandSpec {
  /** "run", "volume create" */
  name: string;
  /** What follows the name in the usage line: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
  usage: string;
  summary: string;
  /** Other names of the command, each in full: "container run" */
  aliases?: string[];
  flags: Flag[];
  /** How many arguments are allowed; Infinity for any number. */
  args: [min: number, max: number];
  /** Its exit codes where they are not docker's usual ones. */
  exits?: ExitCodes;
  /** Flags end at the first argument (run, create, exec): what follows belongs to the container's command. */
  stopAtFirstArg?: boolean;
}

/**
 * A parsed command line. The accessors take a flag's long name; they throw a plain Error for a name that is
 * not in the spec or has another kind, since that can only be a mistake in the program.
 */
export interface Parsed {
  args: string[];
  /** Whether the flag stood on the command line, whatever its value. */
  given(name: string): boolean;
  bool(name: string): boolean;
  text(name: string): string | undefined;
  int(name: string): number | undefined;
  list(name: string): string[];
}

/** What a file under lib/commands exports. */
export interface CommandModule {
  spec: CommandSpec;
  /** Does the work; the result is the exit status of the process. */
  run(parsed: Parsed): number | Promise<number>;
}

/** The command as typed: "mydocker run", or "mydocker" for a spec with an empty name. */
export function commandPath(spec: { name: string }): string {
  return spec.name === "" ? "mydocker" : `mydocker ${spec.name}`;
}

/** Words that only begin a command's name. */
export const GROUPS = ["container", "image", "network", "system", "volume"];
