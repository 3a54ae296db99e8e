// README's three minutes, from README itself: each command is typed as it is printed there, and says what is
// printed below it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, test } from "../world/world.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;
const README = `${PROJECT}/README.md`;
/** What `make run` makes before the tour begins. */
const ARCHIVE = ".build/busybox.tar";
const HEADING = "## Three minutes\n";
/** How a line with a command begins, and one with what it says. */
const [TYPED, SHOWN] = ["    # ", "    "];

/** What is another each time, as README shows it, and what it may be. */
const CHANGING: [shown: RegExp, pattern: string][] = [
  [/\b[0-9a-f]{64}\b/, "[0-9a-f]{64}"],
  [/\b[0-9a-f]{12}\b/, "[0-9a-f]{12}"],
  [
    /\b[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d UTC \d{4}\b/,
    "\\w{3} \\w{3} +\\d+ \\d\\d:\\d\\d:\\d\\d UTC \\d{4}",
  ],
  [/Less than a second/, "(?:Less than a second|About a minute|\\d+ (?:second|minute)s?)"],
  // Columns are as wide as what is in them.
  [/ +/, " +"],
];

/** The pattern of a line that README shows. */
function patternOf(line: string): string {
  const found = CHANGING.map(([shown, pattern]) => ({ match: shown.exec(line), pattern }))
    .filter(({ match }) => match !== null)
    .sort((a, b) => a.match!.index - b.match!.index)[0];
  if (found === undefined) return RegExp.escape(line);
  const { 0: text, index } = found.match!;
  return RegExp.escape(line.slice(0, index)) + found.pattern + patternOf(line.slice(index + text.length));
}

/** The section's commands, and the lines below each. */
function tour(): { command: string; shown: string[] }[] {
  const text = Deno.readTextFileSync(README);
  const begin = text.indexOf(HEADING);
  assert(begin > 0, `README has no ${HEADING}`);
  const found: { command: string; shown: string[] }[] = [];
  for (const line of text.slice(begin + HEADING.length).split("\n## ")[0].split("\n")) {
    if (line.startsWith(TYPED)) found.push({ command: line.slice(TYPED.length), shown: [] });
    else if (line.startsWith(SHOWN)) found.at(-1)!.shown.push(line.slice(SHOWN.length));
  }
  return found;
}

test("README: every command of the tour works as printed, and says what is printed", async (box) => {
  Deno.symlinkSync(BIN, `${box.dir}/mydocker`);
  const made = await box.exec`make -s -C ${PROJECT} ${ARCHIVE}`;
  assertEquals(made.code, 0, made.stderr);
  Deno.mkdirSync(`${box.dir}/.build`);
  Deno.symlinkSync(`${PROJECT}/${ARCHIVE}`, `${box.dir}/${ARCHIVE}`);
  const steps = tour();
  assert(steps.length >= 15, `only ${steps.length} commands`);
  for (const { command, shown } of steps) {
    const { code, stdout } = await box.exec`bash -c 'exec 2>&1; eval "$0"' ${command}`;
    assertEquals(code, 0, `${command}: ${stdout}`);
    const said = stdout.split("\n").slice(0, -1);
    assertEquals(said.length, shown.length, `${command}: ${stdout}`);
    for (const [at, line] of shown.entries()) {
      assertMatch(said[at].trimEnd(), new RegExp(`^${patternOf(line)}$`), command);
    }
  }
}, { seconds: 120 });
