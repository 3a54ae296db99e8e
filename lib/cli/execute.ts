// From a command's module and words to an exit code.

import { isErrno } from "../../ffi/errno.ts";
import { rootPath } from "../store/root.ts";
import type { CommandModule } from "./command.ts";
import { leaveUmask, variable } from "../base/environment.ts";
import { print, printError } from "../base/output.ts";
import { exitCodeOf, type ExitCodes } from "./exit_code.ts";
import { parseCommand } from "./parse.ts";
import { printable } from "./plain.ts";

/** What a shell shows of a program whose reader is gone. */
const SIGPIPE_EXIT = 141;

/**
 * Parses `words` and runs the command, or shows its help; both call it `typed`, as the user did ("volume
 * inspect"). Returns the exit code; an error of the command is printed.
 */
export async function execute(
  module: CommandModule,
  words: string[],
  typed = module.spec.name,
): Promise<number> {
  try {
    const parsed = parseCommand({ ...module.spec, name: typed }, words);
    if (parsed !== "help") return await module.run(parsed);
    const { commandHelp } = await import("./help.ts");
    print(commandHelp(module.spec, typed));
    return 0;
  } catch (error) {
    return report(error, module.spec.exits);
  }
}

/** The exit code of `work`, or of the error it threw, which is printed. */
export async function guard(work: () => Promise<number>): Promise<number> {
  leaveUmask();
  try {
    return await work();
  } catch (error) {
    return report(error);
  }
}

/** Prints an error, unless nobody reads any more; returns the exit code. */
function report(error: unknown, exits?: ExitCodes): number {
  if (error instanceof Deno.errors.BrokenPipe) return SIGPIPE_EXIT;
  const message = error instanceof Error ? error.message : String(error);
  // A name in it may be a container's or an archive's.
  printError(`mydocker: ${printable(message)}${wayOut(error)}\n`);
  // console costs milliseconds to load, so it is for this only.
  if (variable("MYDOCKER_LOG") === "debug") console.error(error);
  return exitCodeOf(error, exits);
}

/** What to do about the kernel's refusals that can come from anywhere below the root directory. */
function wayOut(error: unknown): string {
  if (isErrno(error, "EROFS")) {
    return `; is ${rootPath()} read-only? Name another with --root or MYDOCKER_ROOT`;
  }
  if (isErrno(error, "ENOSPC", "EDQUOT")) return `; make room for ${rootPath()}, or name another with --root`;
  if (isErrno(error, "EPERM", "EACCES")) return "; mydocker needs root with all its capabilities";
  return "";
}
