// The main program: global flags, help, and the look-up of commands.

import { type CommandModule, commandPath, GROUPS } from "./command.ts";
import { Failure, Refusal } from "../base/error.ts";
import { execute, guard } from "./execute.ts";
import { print, printError } from "../base/output.ts";
import { setRootPath } from "../store/root.ts";

/**
 * Commands by name ("volume ls"): their summary and how to load them. A command without a summary is not for
 * users.
 */
export type CommandTable = Record<string, { summary?: string; load(): Promise<CommandModule> }>;

/** Runs the command line `argv` and returns the exit code. Errors are printed. */
export function program(
  commands: CommandTable,
  aliases: Record<string, string>,
  argv: string[],
): Promise<number> {
  return guard(() => dispatch(commands, aliases, globalFlags(argv)));
}

/** Consumes --root, --debug and the like; the rest begins with the command. */
function globalFlags(argv: string[]): string[] {
  let at = 0;
  for (; at < argv.length && argv[at].startsWith("-"); at++) {
    const [name, value] = argv[at].split(/=(.*)/s, 2);
    if (name === "--debug" || name === "-D") Deno.env.set("MYDOCKER_LOG", "debug");
    else if (name === "--root") setRootPath(value ?? argv[++at] ?? missingRoot());
    else if (name === "--version" || name === "-v") return ["--version"];
    else if (name === "--help" || name === "-h") return ["help", ...argv.slice(at + 1)];
    else unknownFlag(name);
  }
  return argv.slice(at);
}

/** `group` is "volume" for a flag between `volume` and its command, where none is known but --help. */
function unknownFlag(word: string, group = ""): never {
  const name = word.split("=", 1)[0];
  const what = name.startsWith("--") ? `flag: ${name}` : `shorthand flag: '${name[1]}' in ${name}`;
  throw new Refusal(`unknown ${what}. See '${commandPath({ name: group })} --help'.`);
}

function missingRoot(): never {
  throw new Refusal("flag needs an argument: --root. See 'mydocker --help'.");
}

async function dispatch(
  commands: CommandTable,
  aliases: Record<string, string>,
  words: string[],
): Promise<number> {
  const [first, second] = words;
  const grouped = GROUPS.includes(first);
  if (first === "--version") {
    return await dispatch(commands, aliases, ["version", "--format", "mydocker version {{.Client.Version}}"]);
  }
  if (first === "help" && words.length > 1) {
    return await dispatch(commands, aliases, [...words.slice(1), "--help"]);
  }
  if (
    first === undefined || first === "help" ||
    (grouped && (second === undefined || /^(-h|--help)$/.test(second)))
  ) {
    return await showHelp(
      commands,
      aliases,
      grouped ? first : undefined,
      first !== "help" && second === undefined,
    );
  }
  if (grouped && second.startsWith("-")) unknownFlag(second, first);
  const length = grouped ? 2 : 1;
  const typed = words.slice(0, length).join(" ");
  const [name, ...flags] = (aliases[typed] ?? typed).split(" --");
  const entry = commands[name];
  if (!entry) {
    return await unknownCommand(typed, [...Object.keys(commands), ...Object.keys(aliases), ...GROUPS]);
  }
  const rest = [...flags.map((flag) => `--${flag}`), ...words.slice(length)];
  return await execute(await entry.load(), rest, typed);
}

/** Shows help, on stderr if it was not asked for. */
async function showHelp(
  commands: CommandTable,
  aliases: Record<string, string>,
  group: string | undefined,
  toStderr: boolean,
): Promise<number> {
  const { overviewText } = await import("./topics.ts");
  (toStderr ? printError : print)(overviewText(group, commands, aliases));
  return 0;
}

/** `typed` is one word, or a group and a word; a group's commands are compared without its name. */
async function unknownCommand(typed: string, known: string[]): Promise<never> {
  const { nearest } = await import("./suggest.ts");
  const [group, word] = typed.includes(" ") ? typed.split(" ") : ["", typed];
  const path = group === "" ? "" : `${group} `;
  const members = known.filter((name) => name.startsWith(path)).map((name) => name.slice(path.length));
  const close = nearest(word, members);
  const hint = close ? ` Did you mean '${path}${close}'?` : "";
  throw new Failure(
    `'${typed}' is not a mydocker command.${hint} See '${commandPath({ name: group })} --help'.`,
  );
}
