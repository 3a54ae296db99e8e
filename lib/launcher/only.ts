// A file of one command's own (bundle/programs.ts), which runs it without looking for it.

import type { CommandModule } from "../cli/command.ts";
import { callerArguments } from "../base/environment.ts";
import { execute, guard } from "../cli/execute.ts";
import { sweepBy } from "../store/root.ts";

/**
 * Runs the command if it is the one that is asked for: its file is loaded without any for deno to compile it.
 */
export function only(name: string, command: CommandModule): void {
  const words = name.split(" ");
  if (words.some((word, at) => Deno.args[at] !== word)) return;
  sweepBy(() => import("../housekeeping/sweep.ts"));
  // Not awaited at the top level: what is imported later imports this command's file, and would wait for it
  // to be done.
  guard(() => execute(command, callerArguments().slice(words.length))).then(Deno.exit);
}
