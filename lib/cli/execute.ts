// Runs a command's module and returns the exit code.

import { isErrno } from "../../ffi/errno.ts";
import { rootPath } from "../store/root.ts";
import type { CommandModule } from "./command.ts";
import { leaveUmask, variable } from "../base/environment.ts";
import { noticesTo } from "../base/notice.ts";
import { print, printError } from "../base/output.ts";
import { exitCodeOf, type ExitCodes } from "./exit_code.ts";
import { parseCommand } from "./parse.ts";
import { printable } from "./plain.ts";

/** The code that a shell reports for a program that SIGPIPE killed. */
const SIGPIPE_EXIT = 141;

/**
 * Parses `words` and runs the command, or shows its help. Both call it `typed`, the words of the user
 * ("volume inspect"). Returns the exit code. An error of the command is printed.
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

/** Returns the exit code of `work`, or prints the error it threw and returns that error's code. */
export async function guard(work: () => Promise<number>): Promise<number> {
  leaveUmask();
  noticesTo(printError);
  try {
    return await work();
  } catch (error) {
    return report(error);
  }
}

/** Prints an error, unless nobody reads it any more; returns the exit code. */
function report(error: unknown, exits?: ExitCodes): number {
  if (error instanceof Deno.errors.BrokenPipe) return SIGPIPE_EXIT;
  const message = error instanceof Error ? error.message : String(error);
  // A name in the message may come from a container or an archive.
  printError(`mydocker: ${printable(message)}${wayOut(error)}\n`);
  // console costs milliseconds to load, so it is only used here.
  if (variable("MYDOCKER_LOG") === "debug") console.error(error);
  return exitCodeOf(error, exits);
}

/** Advice for errors of the kernel that can occur anywhere below the root directory. */
function wayOut(error: unknown): string {
  if (isErrno(error, "EROFS")) {
    return `; is ${rootPath()} read-only? Name another with --root or MYDOCKER_ROOT`;
  }
  if (isErrno(error, "ENOSPC", "EDQUOT")) return `; make room for ${rootPath()}, or name another with --root`;
  if (isErrno(error, "EPERM", "EACCES")) return "; mydocker needs root with all its capabilities";
  return "";
}
