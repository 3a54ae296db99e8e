import { commandPath, type CommandSpec, type Flag, type FlagKind, type Parsed } from "./command.ts";
import { Failure, Refusal } from "../base/error.ts";
import { goBool, goQuote } from "../template/go_text.ts";
import { nearest } from "./suggest.ts";

type Value = string | number | boolean | string[];

interface Scan {
  spec: CommandSpec;
  argv: string[];
  /** Index in argv of the next word. */
  next: number;
  long: Map<string, Flag>;
  short: Map<string, Flag>;
  values: Map<string, Value>;
}

/**
 * Parses the words after a command's name as spf13/pflag does: `--name v`, `--name=v`, `-n v`, `-nv`, `-n=v`,
 * clusters of one-letter flags, `--` as the end of flags. Returns "help" if --help was given (or -h, where
 * the command has no -h of its own); a mistake in a flag is reported even then, as by docker. Throws a
 * Refusal for unknown flags and invalid values, and a Failure ("misused") for a wrong number of arguments,
 * which docker does not count as a mistake in flags.
 */
export function parseCommand(spec: CommandSpec, argv: string[]): Parsed | "help" {
  const scan = newScan(spec, argv);
  const args = scanWords(scan);
  if (scan.values.get("help") === true) return "help";
  checkArgs(spec, args.length);
  return parsed(scan, args);
}

function newScan(spec: CommandSpec, argv: string[]): Scan {
  const long = new Map<string, Flag>();
  const short = new Map<string, Flag>();
  const help: Flag = { name: "help", short: "h", kind: "bool", help: "", hidden: true };
  for (const flag of [help, ...spec.flags]) {
    long.set(flag.name, flag);
    if (flag.short) short.set(flag.short, flag);
  }
  return { spec, argv, next: 0, long, short, values: new Map() };
}

function scanWords(scan: Scan): string[] {
  const { argv, spec } = scan;
  const args: string[] = [];
  while (scan.next < argv.length) {
    const word = argv[scan.next];
    if (word === "--") return [...args, ...argv.slice(scan.next + 1)];
    const isFlag = word.length > 1 && word.startsWith("-");
    if (!isFlag && spec.stopAtFirstArg) return argv.slice(scan.next);
    scan.next++;
    if (!isFlag) args.push(word);
    else if (word.startsWith("--")) scanLong(scan, word);
    else if (!scanOneDash(scan, word)) scanShorts(scan, word.slice(1));
  }
  return args;
}

function scanLong(scan: Scan, word: string): void {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  if (name === "" || name.startsWith("-")) fail(scan.spec, `bad flag syntax: ${word}`);
  const flag = scan.long.get(name);
  if (!flag) return unknownFlag(scan, name);
  scanValue(scan, flag, word, equals);
}

/** Returns false if there is no such name. Like pflag, it finds no value in the letters of such a name. */
function scanOneDash(scan: Scan, word: string): boolean {
  const equals = word.indexOf("=");
  const name = word.slice(1, equals < 0 ? undefined : equals);
  const flag = name.length > 1 ? scan.spec.flags.find(({ oneDash }) => oneDash === name) : undefined;
  if (flag) scanValue(scan, flag, word, equals);
  return flag !== undefined;
}

function scanValue(scan: Scan, flag: Flag, word: string, equals: number): void {
  if (equals >= 0) store(scan, flag, word.slice(equals + 1));
  else if (flag.kind === "bool") store(scan, flag, "true");
  else store(scan, flag, nextWord(scan, word));
}

function scanShorts(scan: Scan, cluster: string): void {
  for (let rest = cluster; rest !== "";) {
    const flag = scan.short.get(rest[0]);
    if (!flag) fail(scan.spec, `unknown shorthand flag: '${rest[0]}' in -${rest}`);
    // "-e=" keeps its "=": pflag takes it as a separator only if at least one character follows.
    if (rest.length > 2 && rest[1] === "=") return store(scan, flag, rest.slice(2));
    if (flag.kind === "bool") {
      store(scan, flag, "true");
      rest = rest.slice(1);
      continue;
    }
    const attached = rest.slice(1);
    return store(scan, flag, attached === "" ? nextWord(scan, `'${rest[0]}' in -${rest}`) : attached);
  }
}

function nextWord(scan: Scan, flag: string): string {
  if (scan.next >= scan.argv.length) fail(scan.spec, `flag needs an argument: ${flag}`);
  return scan.argv[scan.next++];
}

function store(scan: Scan, flag: Flag, text: string): void {
  const { values } = scan;
  switch (flag.kind) {
    case "list":
      return void values.set(flag.name, [...(values.get(flag.name) as string[] ?? []), text]);
    case "string":
      return void values.set(flag.name, text);
    case "bool": {
      const value = goBool(text) ?? invalid(scan, flag, text, "strconv.ParseBool", "invalid syntax");
      return void values.set(flag.name, value);
    }
    case "int":
      return void values.set(flag.name, parseInteger(scan, flag, text));
  }
}

/** Go's strconv.ParseInt with base 0: decimal, 0x, 0b, 0o, and a leading zero for octal. */
function parseInteger(scan: Scan, flag: Flag, text: string): number {
  const match = /^([+-]?)(0|[1-9]\d*|0x[\da-f]+|0b[01]+|0o?[0-7]+)$/i.exec(text);
  if (!match) invalid(scan, flag, text, "strconv.ParseInt", "invalid syntax");
  const digits = /^0\d/.test(match[2]) ? `0o${match[2]}` : match[2];
  const value = match[1] === "-" ? -BigInt(digits) : BigInt(digits);
  if (BigInt.asIntN(64, value) !== value) {
    invalid(scan, flag, text, "strconv.ParseInt", "value out of range");
  }
  return Number(value);
}

function invalid(scan: Scan, flag: Flag, text: string, parser: string, why: string): never {
  const name = flag.short ? `-${flag.short}, --${flag.name}` : `--${flag.name}`;
  const quoted = goQuote(text);
  return fail(
    scan.spec,
    `invalid argument ${quoted} for "${name}" flag: ${parser}: parsing ${quoted}: ${why}`,
  );
}

function unknownFlag(scan: Scan, name: string): never {
  const visible = [...scan.long.values()].filter((flag) => !flag.hidden).map((flag) => flag.name);
  const meant = nearest(name, visible);
  return fail(scan.spec, `unknown flag: --${name}` + (meant ? `; did you mean --${meant}?` : ""));
}

function checkArgs(spec: CommandSpec, count: number): void {
  const [min, max] = spec.args;
  if (count >= min && count <= max) return;
  const plural = (n: number) => `${n} argument${n === 1 ? "" : "s"}.`;
  let wanted = `requires at least ${min} and at most ${plural(max)}`;
  if (max === 0) wanted = "accepts no arguments.";
  else if (min === max) wanted = `requires exactly ${plural(min)}`;
  else if (max === Infinity) wanted = `requires at least ${plural(min)}`;
  else if (min === 0) wanted = `requires at most ${plural(max)}`;
  throw new Failure(withHelp(spec, `"${commandPath(spec)}" ${wanted}`), { kind: "misused" });
}

function fail(spec: CommandSpec, problem: string): never {
  throw new Refusal(withHelp(spec, problem));
}

function withHelp(spec: CommandSpec, problem: string): string {
  const sentence = /[.?]$/.test(problem) ? problem : `${problem}.`;
  return `${sentence} See '${commandPath(spec)} --help'.`;
}

function parsed(scan: Scan, args: string[]): Parsed {
  const read = (name: string, kind?: FlagKind): Value | undefined => {
    const flag = scan.long.get(name);
    if (!flag) throw new Error(`${commandPath(scan.spec)} has no flag --${name}`);
    if (kind && flag.kind !== kind) throw new Error(`--${name} is a ${flag.kind} flag, not ${kind}`);
    return scan.values.get(name) ?? flag.default;
  };
  return {
    args,
    given: (name) => read(name) !== undefined && scan.values.has(name),
    bool: (name) => read(name, "bool") as boolean ?? false,
    text: (name) => read(name, "string") as string | undefined,
    int: (name) => read(name, "int") as number | undefined,
    list: (name) => read(name, "list") as string[] ?? [],
  };
}
