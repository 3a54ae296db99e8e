import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { CommandSpec, Parsed } from "../../lib/cli/command.ts";
import { exitCodeOf } from "../../lib/cli/exit_code.ts";
import { Failure } from "../../lib/base/error.ts";
import { matchesLabels, parseFilters } from "../../lib/cli/filter.ts";
import { cutter, table } from "../../lib/cli/columns.ts";
import { formatRows } from "../../lib/cli/format.ts";
import { commandHelp, overview } from "../../lib/cli/help.ts";
import { ellipsis, humanAgo, humanDuration, humanSize, parseBytes, shortId } from "../../lib/base/human.ts";
import { parseCommand } from "../../lib/cli/parse.ts";
import { nearest } from "../../lib/cli/suggest.ts";
import { alignTabs } from "../../lib/template/table.ts";
import { randomName } from "../../lib/container/random_name.ts";

const run: CommandSpec = {
  name: "run",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Start a new container",
  aliases: ["container run"],
  args: [1, Infinity],
  stopAtFirstArg: true,
  flags: [
    { name: "detach", short: "d", kind: "bool", help: "Leave it running" },
    { name: "env", short: "e", kind: "list", help: "Set environment variables" },
    { name: "hostname", short: "h", kind: "string", help: "Host name" },
    { name: "interactive", short: "i", kind: "bool", help: "Keep input open" },
    { name: "name", kind: "string", help: "Name of the container" },
    { name: "pull", kind: "string", default: "missing", help: "When to pull" },
    { name: "rm", kind: "bool", help: "Remove it at the end" },
    { name: "secret", kind: "bool", hidden: true, help: "Not for the help text" },
    { name: "sig-proxy", kind: "bool", default: true, help: "Pass signals on" },
    { name: "stop-timeout", kind: "int", default: 10, help: "Seconds to wait" },
    { name: "tty", short: "t", kind: "bool", help: "Allocate a terminal" },
    { name: "volume", short: "v", kind: "list", help: "Mount a volume" },
  ],
};
const stop: CommandSpec = {
  ...run,
  name: "stop",
  stopAtFirstArg: false,
  args: [1, Infinity],
  flags: [run.flags[9]],
};

function parse(...argv: string[]): Parsed {
  const parsed = parseCommand(run, argv);
  assert(parsed !== "help");
  return parsed;
}

function failure(spec: CommandSpec, argv: string[], exitCode = 125): string {
  const error = assertThrows(() => parseCommand(spec, argv), Failure);
  assertEquals(exitCodeOf(error), exitCode);
  return error.message;
}

Deno.test("parseCommand: every way to give a value", () => {
  for (
    const argv of [["--env", "A=1"], ["--env=A=1"], ["-e", "A=1"], ["-eA=1"], ["-e=A=1"], ["-ie", "A=1"]]
  ) {
    assertEquals(parse(...argv, "image").list("env"), ["A=1"], argv.join(" "));
  }
  assertEquals(parse("-e=", "image").list("env"), ["="]);
  assertEquals(parse("--name=", "image").text("name"), "");
  assertEquals(parse("--name", "-x", "image").text("name"), "-x");
});

Deno.test("parseCommand: lists keep their order, the last of other values wins", () => {
  const parsed = parse("-e", "B", "--name", "x", "-eA", "--name=y", "image");
  assertEquals(parsed.list("env"), ["B", "A"]);
  assertEquals(parsed.text("name"), "y");
});

Deno.test("parseCommand: clusters of short flags", () => {
  const parsed = parse("-itv", "a:b", "image");
  assertEquals([parsed.bool("interactive"), parsed.bool("tty"), parsed.bool("detach")], [true, true, false]);
  assertEquals(parsed.list("volume"), ["a:b"]);
});

Deno.test("parseCommand: booleans take Go's spellings and no separate value", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) {
    assertEquals(parse(`--rm=${text}`, "image").bool("rm"), true, text);
  }
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assertEquals(parse(`-d=${text}`, "image").bool("detach"), false, text);
  }
  assertEquals(parse("--rm", "false").args, ["false"]);
  assertEquals(parse("--sig-proxy=false", "image").bool("sig-proxy"), false);
});

Deno.test("parseCommand: integers in Go's notations", () => {
  const cases: [string, number][] = [["7", 7], ["-1", -1], ["0x1f", 31], ["010", 8], ["0b11", 3], ["+5", 5], [
    "0",
    0,
  ]];
  for (const [text, value] of cases) {
    assertEquals(parse("--stop-timeout", text, "image").int("stop-timeout"), value, text);
  }
});

Deno.test("parseCommand: defaults, and what was given", () => {
  const parsed = parse("--secret", "--rm=false", "image");
  assertEquals([parsed.text("pull"), parsed.int("stop-timeout"), parsed.bool("sig-proxy")], [
    "missing",
    10,
    true,
  ]);
  assertEquals([parsed.text("name"), parsed.list("env")], [undefined, []]);
  assertEquals([parsed.given("rm"), parsed.given("pull"), parsed.bool("secret")], [true, false, true]);
});

Deno.test("parseCommand: where flags end", () => {
  assertEquals(parse("image", "-d", "--", "--help").args, ["image", "-d", "--", "--help"]);
  assertEquals(parse("-d", "--", "-image").args, ["-image"]);
  assertEquals(parse("-", "-d").args, ["-", "-d"]);
  assertEquals(parse("", "-d").args, ["", "-d"]);
  const parsed = parseCommand(stop, ["a", "--stop-timeout", "3", "b", "--", "-c"]);
  assert(parsed !== "help");
  assertEquals([parsed.args, parsed.int("stop-timeout")], [["a", "b", "-c"], 3]);
});

Deno.test("parseCommand: asks for help", () => {
  assertEquals(parseCommand(run, ["--help"]), "help");
  assertEquals(parseCommand(run, ["-d", "--help", "image"]), "help");
  assertEquals(parseCommand(stop, ["-h"]), "help");
  assertEquals(parse("-h", "box", "image").text("hostname"), "box");
  assertEquals(parse("image", "--help").args, ["image", "--help"]);
  assertMatch(failure(run, ["--help", "--bogus"]), /^unknown flag: --bogus/);
});

Deno.test("parseCommand: mistakes in flags are one line that says where to look", () => {
  const parseBool = 'strconv.ParseBool: parsing "x": invalid syntax';
  const parseInt = (text: string) => `strconv.ParseInt: parsing "${text}":`;
  const cases: [string[], string][] = [
    [["--detac"], "unknown flag: --detac; did you mean --detach?"],
    [["--qqqqqq=1"], "unknown flag: --qqqqqq."],
    [["--secre"], "unknown flag: --secre."],
    [["-z"], "unknown shorthand flag: 'z' in -z."],
    [["-itz"], "unknown shorthand flag: 'z' in -z."],
    [["-zit"], "unknown shorthand flag: 'z' in -zit."],
    [["--=x"], "bad flag syntax: --=x."],
    [["---rm"], "bad flag syntax: ---rm."],
    [["--name"], "flag needs an argument: --name."],
    [["-e"], "flag needs an argument: 'e' in -e."],
    [["-ite"], "flag needs an argument: 'e' in -e."],
    [["--rm=x"], `invalid argument "x" for "--rm" flag: ${parseBool}.`],
    [["-t=x"], `invalid argument "x" for "-t, --tty" flag: ${parseBool}.`],
    [
      ["--stop-timeout", "1s"],
      `invalid argument "1s" for "--stop-timeout" flag: ${parseInt("1s")} invalid syntax.`,
    ],
    [
      ["--stop-timeout=9223372036854775808"],
      'invalid argument "9223372036854775808" for "--stop-timeout" flag: ' +
      `${parseInt("9223372036854775808")} value out of range.`,
    ],
  ];
  for (const [argv, message] of cases) {
    assertEquals(failure(run, argv), `${message} See 'mydocker run --help'.`);
  }
});

Deno.test("filters: label wants all of them, label! none", () => {
  const passes = (labels: Record<string, string>, ...filters: string[]) =>
    matchesLabels(labels, parseFilters(filters, "--filter"));
  const labels = { a: "1", b: "2" };
  assert(passes(labels, "label=a", "label=b=2"));
  assert(!passes(labels, "label=a", "label=c"));
  assert(!passes(labels, "label=a=2"));
  assert(!passes(labels, "label=a="), "a value is a whole one");
  assert(passes(labels, "label!=c", "label!=a=2"));
  assert(!passes(labels, "label!=c", "label!=a"));
  assert(!passes(labels, "label=b", "label!=a=1"));
  assert(passes({}, "label!=a"));
  assert(!passes({}, "label=toString"));
});

Deno.test("parseCommand: wrong numbers of arguments", () => {
  const cases: [[number, number], number, string][] = [
    [[0, 0], 1, "accepts no arguments."],
    [[1, 1], 0, "requires exactly 1 argument."],
    [[2, 2], 3, "requires exactly 2 arguments."],
    [[1, Infinity], 0, "requires at least 1 argument."],
    [[2, Infinity], 1, "requires at least 2 arguments."],
    [[0, 1], 2, "requires at most 1 argument."],
    [[1, 3], 0, "requires at least 1 and at most 3 arguments."],
  ];
  for (const [args, count, message] of cases) {
    const spec = { ...stop, name: "volume rm", args };
    const argv = Array(count).fill("a");
    assertEquals(failure(spec, argv, 1), `"mydocker volume rm" ${message} See 'mydocker volume rm --help'.`);
  }
});

Deno.test("Parsed: a flag the program does not declare is a programming error", () => {
  const parsed = parse("image");
  assertThrows(() => parsed.given("nosuch"), Error, "no flag --nosuch");
  assertThrows(() => parsed.text("rm"), Error, "--rm is a bool flag, not string");
});

Deno.test("nearest: suggests only what is close", () => {
  const words = ["detach", "detach-keys", "env", "volume", "volumes-from"];
  const cases: [string, string | undefined][] = [
    ["detac", "detach"],
    ["dteach", "detach"],
    ["vol", "volume"],
    ["enb", "env"],
    ["e", undefined],
    ["privileged", undefined],
    ["vnb", undefined],
    ["eenv", "env"],
  ];
  for (const [word, expected] of cases) assertEquals(nearest(word, words), expected, word);
  assertEquals(nearest("detach", []), undefined);
});

Deno.test("commandHelp: usage, aliases and aligned options", () => {
  assertEquals(
    commandHelp({
      ...run,
      flags: run.flags.filter((flag) => /^(env|name|pull|secret|sig|stop)/.test(flag.name)),
    }),
    `Usage:  mydocker run [OPTIONS] IMAGE [COMMAND] [ARG...]

Start a new container

Aliases:
  mydocker container run, mydocker run

Options:
  -e, --env list           Set environment variables
      --name string        Name of the container
      --pull string        When to pull (default "missing")
      --sig-proxy          Pass signals on (default true)
      --stop-timeout int   Seconds to wait (default 10)
`,
  );
});

Deno.test("commandHelp: wraps long help under its column, and keeps its line breaks", () => {
  const help =
    "One two three four five six seven eight nine ten eleven twelve thirteen fourteen\nand then more";
  const flags: CommandSpec["flags"] = [{ name: "memory", short: "m", kind: "string", value: "bytes", help }];
  const text = commandHelp({
    name: "volume ls",
    aliases: ["volume list"],
    summary: "S",
    usage: "",
    args: [0, 0],
    flags,
  });
  assertEquals(
    text,
    `Usage:  mydocker volume ls

S

Aliases:
  mydocker volume ls, mydocker volume list

Options:
  -m, --memory bytes   One two three four five six seven eight nine ten
                       eleven twelve thirteen fourteen
                       and then more
`,
  );
});

Deno.test("overview: groups of commands, for the program and for a management command", () => {
  const commands = [{ name: "ls", summary: "List volumes" }, { name: "inspect", summary: "Show volumes" }];
  assertEquals(
    overview([{ title: "Commands", commands }], { name: "volume", summary: "Manage volumes" }),
    `Usage:  mydocker volume COMMAND

Manage volumes

Commands:
  ls          List volumes
  inspect     Show volumes

Run 'mydocker volume COMMAND --help' for more information on a command.
`,
  );
  const flags: CommandSpec["flags"] = [{ name: "root", kind: "string", default: "/x", help: "State" }];
  const text = overview([{ title: "Commands", commands }], { flags });
  assertEquals(text.split("\n")[0], "Usage:  mydocker [OPTIONS] COMMAND");
  assertMatch(text, /\n\nGlobal Options:\n {6}--root string {3}State \(default "\/x"\)\n\n/);
});

Deno.test("table: docker's widths, padding and trailing spaces", async () => {
  assertEquals(
    await table(["REPOSITORY", "TAG", "IMAGE ID", "SIZE"], [["busybox", "latest", "f8d81931c928", "1.99MB"]]),
    "REPOSITORY   TAG       IMAGE ID       SIZE\nbusybox      latest    f8d81931c928   1.99MB\n",
  );
  assertEquals(await table(["A", "PORTS", "NAMES"], []), "A         PORTS     NAMES\n");
  assertEquals(await table(["PORTS", "COMMENT"], [["é", ""]]), "PORTS     COMMENT\né         \n");
});

Deno.test("alignTabs: a column ends at a line that does not have it", () => {
  assertEquals(
    alignTabs("a\tb\nlong-long-cell\tc\nno tab\nd\te\n"),
    "a                b\nlong-long-cell   c\nno tab\nd         e\n",
  );
});

Deno.test("formatRows: json, table and plain templates", async () => {
  const titles = { ID: "CONTAINER ID", Names: "NAMES" };
  const rows = [{ Names: "<a>", ID: "12" }, { Names: "b", ID: "3" }];
  assertEquals(await formatRows("{{.ID}}\\t{{.Names}}", titles, rows), "12\t<a>\n3\tb\n");
  assertEquals(
    await formatRows("table {{upper .Names}}\\t{{.ID}}", titles, rows),
    "NAMES     CONTAINER ID\n<A>       12\nB         3\n",
  );
  assertEquals(
    await formatRows("json", titles, rows.slice(0, 1)),
    '{"ID":"12","Names":"\\u003ca\\u003e"}\n',
  );
  assertEquals(await formatRows("{{json .Names}}", titles, rows.slice(0, 1)), '"<a>"\n');
  await assertRejects(
    () => formatRows("{{.Nope}}", titles, rows),
    Failure,
    'map has no entry for key "Nope"',
  );
  const unclosed = await assertRejects(() => formatRows("{{.ID", titles, rows), Failure, "unclosed action");
  assertEquals(exitCodeOf(unclosed), 1);
});

Deno.test("humanDuration: docker's words", () => {
  const day = 86400;
  const cases: [number, string][] = [
    [0.9, "Less than a second"],
    [1.9, "1 second"],
    [59, "59 seconds"],
    [60, "About a minute"],
    [120, "2 minutes"],
    [3599, "59 minutes"],
    [3600, "About an hour"],
    [5400, "2 hours"],
    [47 * 3600, "47 hours"],
    [2 * day, "2 days"],
    [13 * day, "13 days"],
    [14 * day, "2 weeks"],
    [60 * day, "2 months"],
    [729 * day, "24 months"],
    [730 * day, "2 years"],
  ];
  for (const [seconds, text] of cases) assertEquals(humanDuration(seconds), text, String(seconds));
  assertEquals(humanAgo(3), "3 seconds ago");
});

Deno.test("humanSize: significant digits in powers of 1000", () => {
  const cases: [number, number | undefined, string][] = [
    [0, undefined, "0B"],
    [999, undefined, "999B"],
    [1000, undefined, "1kB"],
    [1986022, undefined, "1.986MB"],
    [1986022, 3, "1.99MB"],
    [4260000, undefined, "4.26MB"],
    [999900, 3, "1MB"],
    [1.5e12, undefined, "1.5TB"],
  ];
  for (const [bytes, digits, text] of cases) assertEquals(humanSize(bytes, digits), text, String(bytes));
});

Deno.test("parseBytes: binary units", () => {
  const cases: [string, number][] = [
    ["64m", 64 << 20],
    ["64", 64],
    ["64b", 64],
    ["1.5k", 1536],
    ["2G", 2 ** 31],
    ["1 KiB", 1024],
    ["1mb", 1 << 20],
    ["1t", 2 ** 40],
  ];
  for (const [text, bytes] of cases) assertEquals(parseBytes(text), bytes, text);
  for (const text of ["x", "", "-1", "1x", "1ib", "1.2.3m", "m"]) {
    assertThrows(() => parseBytes(text), Failure, `invalid size: '${text}'`);
  }
});

Deno.test("shortId and ellipsis: what lists show", () => {
  assertEquals(shortId("sha256:f8d81931c9285f28c6c9"), "f8d81931c928");
  assertEquals(shortId("f8d81931c9285f28c6c9"), "f8d81931c928");
  assertEquals(ellipsis("abcdef", 6), "abcdef");
  assertEquals(ellipsis("abcdefg", 6), "abcde…");
  assertEquals(ellipsis("éééé", 3), "éé…");
  assertEquals([ellipsis("ab", 1), ellipsis("ab", 0)], ["a", ""]);
});

Deno.test("cutter: what is wide counts twice, as docker has it", async () => {
  const cut = await cutter(["sh -c 日本語日本語日本語"]);
  assertEquals(cut("sh -c 日本語日本語日本語", 20), "sh -c 日本語日本語…");
  assertEquals(cut("日本語", 6), "日本語");
  assertEquals([cut("日本語", 5), cut("日本語", 4)], ["日本…", "日…"]);
});

Deno.test("randomName: valid container names that seldom repeat", () => {
  const names = Array.from({ length: 200 }, randomName);
  for (const name of names) assertMatch(name, /^[a-z]+_[a-z]+$/);
  assert(new Set(names).size > 180, "200 draws out of more than 20,000 names");
});
