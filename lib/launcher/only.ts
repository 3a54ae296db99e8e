// A bundle of one command. Deno takes about 30 µs for each kB of a bundle it loads, though the compiled code is kept:
// 9 ms for all of mydocker. So the commands that scripts start most have a bundle each, commands/*.ts, with nothing in it
// that a plain start does not need (split.ts); main.ts, in another, has everything.

import type { CommandModule } from "../cli/command.ts";
import { callerArguments } from "../base/environment.ts";
import { execute, guard } from "../cli/execute.ts";
import { sweepBy } from "../store/root.ts";

/** Runs the command if it is the one that is asked for: a bundle is loaded without any for deno to compile it. */
export function only(name: string, command: CommandModule): void {
  if (Deno.args[0] !== name) return;
  sweepBy(() => import("../housekeeping/sweep.ts"));
  // Not awaited at the top level: what is imported later imports this bundle's file, and would wait for it to be done.
  guard(() => execute(command, callerArguments().slice(1))).then(Deno.exit);
}
