// The first of two bundles: the commands that scripts start most, and nothing they do not need. V8 makes code of all
// of a bundle when it loads it, so what is not in here costs them nothing; main.ts, in the second, has everything.

import type { CommandModule } from "../cli/command.ts";
import { execute, guard } from "../cli/execute.ts";
import * as run from "../commands/run.ts";

const FAST: Record<string, CommandModule | undefined> = { run };

const [name, ...words] = Deno.args;
const module = FAST[name];
if (module) Deno.exit(await guard(() => execute(module, words)));
await import(import.meta.url.replace(/\.js$/, "-full.js"));
