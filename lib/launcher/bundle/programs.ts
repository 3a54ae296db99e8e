// What is bundled: programs, each with files of its own. A program's commands share files; those that scripts
// start most are alone in theirs, with nothing in it that a plain start doesn't need.

import type { CommandModule } from "../../cli/command.ts";

/** Commands with a program of their own. */
const ALONE = ["exec", "inspect", "logs", "ps", "rm", "run", "start", "stop"];
/** The program of all others, and the file of main.ts in it, which finds any command by any of its names. */
export const OTHERS = "others";
export const MAIN = "full";

export interface Command {
  /** "volume ls" */
  name: string;
  file: string;
}

export interface BundledProgram {
  name: string;
  /** Each has a file (fileName), besides those they share. */
  commands: Command[];
  /** Whether it has MAIN, too. */
  main: boolean;
}

/** All commands, as their own modules name them. */
export async function allCommands(folder: string): Promise<Command[]> {
  const found: Command[] = [];
  for (
    const { name, isDirectory } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await allCommands(path));
    else found.push({ name: ((await import(`file://${path}`)) as CommandModule).spec.name, file: path });
  }
  return found;
}

/** Who is alone, and who is with the others. Throws where a command that should be alone is none. */
export function programsOf(commands: Command[]): BundledProgram[] {
  const alone = ALONE.map((name) => {
    const command = commands.find((command) => command.name === name);
    if (!command) throw new Error(`programs.ts: ${name} is not a command`);
    return { name, commands: [command], main: false };
  });
  const others = commands.filter(({ name }) => !ALONE.includes(name));
  return [...alone, { name: OTHERS, commands: others, main: true }];
}

/** The name of a command's file, by which the launcher finds it (pack.sh): "volume_ls". */
export function fileName({ name }: Command): string {
  return name.replaceAll(" ", "_");
}
