import { commandPath, type CommandSpec, type Flag } from "./command.ts";
import { goQuote } from "../template/go_text.ts";

/** Commands under one title in an overview. */
export interface CommandGroup {
  title: string;
  commands: { name: string; summary: string }[];
}

/** The parts of an overview besides its commands; the defaults are for plain `mydocker`. */
export interface OverviewOptions {
  /** "volume" for `mydocker volume` */
  name?: string;
  summary?: string;
  /** Shown as "Global Options". */
  flags?: Flag[];
  columns?: number;
}

// A last word may overhang by this much before it is moved to a new line (as in spf13/pflag).
const OVERHANG = 5;

/**
 * The text of `mydocker TYPED --help` in docker's layout: usage, summary, other names, and the flags in
 * alphabetical order, wrapped to `columns` characters.
 */
export function commandHelp(spec: CommandSpec, typed = spec.name, columns = 80): string {
  const parts = [`Usage:  ${commandPath({ name: typed })} ${spec.usage}`.trimEnd(), spec.summary];
  if (spec.aliases?.length) parts.push(`Aliases:\n  ${allNames(spec).join(", ")}`);
  const options = optionLines(spec.flags, columns);
  if (options) parts.push(`Options:\n${options}`);
  return parts.join("\n\n") + "\n";
}

/**
 * The text of `mydocker --help`, or of a management command such as `mydocker volume` (then with its name and
 * summary in `options`): each group's commands under its title.
 */
export function overview(groups: CommandGroup[], options: OverviewOptions = {}): string {
  const { name = "", summary = "Run containers without a daemon", flags = [], columns = 80 } = options;
  const path = commandPath({ name });
  const names = groups.flatMap((group) => group.commands.map((command) => command.name.length));
  const width = Math.max(11, ...names) + 1;
  const parts = [`Usage:  ${path} ${flags.length > 0 ? "[OPTIONS] " : ""}COMMAND`, summary];
  for (const { title, commands } of groups) {
    const lines = commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`);
    parts.push([`${title}:`, ...lines].join("\n"));
  }
  const global = optionLines(flags, columns);
  if (global) parts.push(`Global Options:\n${global}`);
  parts.push(`Run '${path} COMMAND --help' for more information on a command.`);
  return parts.join("\n\n") + "\n";
}

/** Docker lists a short form (`docker ps`) after its long ones, but a long form before its variants. */
function allNames(spec: CommandSpec): string[] {
  const others = spec.aliases ?? [];
  const names = spec.name.includes(" ") ? [spec.name, ...others] : [...others, spec.name];
  return names.map((name) => commandPath({ name }));
}

function optionLines(flags: Flag[], columns: number): string {
  const shown = flags.filter((flag) => !flag.hidden).sort((a, b) => a.name < b.name ? -1 : 1);
  const lefts = shown.map(leftColumn);
  const indent = Math.max(0, ...lefts.map((left) => left.length)) + 3;
  const lines = shown.map((flag, i) => {
    const help = wrap(flag.help + defaultNote(flag), columns - 1 - indent);
    return lefts[i].padEnd(indent) + help.join("\n" + " ".repeat(indent));
  });
  return lines.join("\n");
}

function leftColumn(flag: Flag): string {
  const names = flag.short ? `  -${flag.short}, --${flag.name}` : `      --${flag.name}`;
  const value = flag.value ?? (flag.kind === "bool" ? "" : flag.kind);
  return value ? `${names} ${value}` : names;
}

function defaultNote(flag: Flag): string {
  if (!flag.default) return "";
  const plainText = flag.kind === "string" && (flag.value ?? "string") === "string";
  return ` (default ${plainText ? goQuote(String(flag.default)) : flag.default})`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  // With less than 24 columns of text, docker gives up its layout; here the lines are then not wrapped.
  while (width >= 24 && rest.length >= width) {
    const head = rest.slice(0, width - OVERHANG);
    const space = head.search(/\s\S*$/);
    if (space <= 0) break;
    const newline = head.lastIndexOf("\n");
    const cut = newline > 0 ? newline : space;
    lines.push(...rest.slice(0, cut).split("\n"));
    rest = rest.slice(cut + 1);
  }
  return [...lines, ...rest.split("\n")];
}
