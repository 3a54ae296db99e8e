// A bundle of one command. Deno takes about 30 µs for each kB of a bundle it loads, though the compiled code is kept:
// 9 ms for all of mydocker. So the commands that scripts start most have a bundle each, commands/*.ts, with nothing in it
// that they do not need; main.ts, in another, has everything.

import type { CommandModule } from "../cli/command.ts";
import { execute, guard } from "../cli/execute.ts";
import { NotBundled } from "../cli/not_bundled.ts";

/**
 * Runs the command if it is the one that is asked for: a bundle is loaded without any for deno to compile it. An image
 * that has to be pulled is found missing before anything has happened: the bundle of everything then begins anew.
 */
export async function only(name: string, command: CommandModule): Promise<void> {
  const [asked, ...words] = Deno.args;
  if (asked !== name) return;
  let needsAll = false;
  const code = await guard(async () => {
    try {
      return await execute(command, words);
    } catch (error) {
      needsAll = error instanceof NotBundled;
      if (!needsAll) throw error;
      return 0;
    }
  });
  if (!needsAll) Deno.exit(code);
  await import(import.meta.url.replace(/\w+\.js$/, "full.js")); // packed, both have a prefix
}
