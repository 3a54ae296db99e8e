// make check: imports lead down the floors (layers/floors.ts), no files import each other in a circle, only
// commands speak to the user (layers/voice.ts), and docs/architecture.md shows the floors as they are.
// `--write` puts them there.

// @ts-types="../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
import { toolArguments } from "../lib/launcher/arguments.ts";
import { type Arrow, arrows, circles, sourceFiles } from "./layers/arrows.ts";
import { type Floor, FLOORS, picture } from "./layers/floors.ts";
import { checkVoice } from "./layers/voice.ts";

const BEGIN = "<!-- the floors: written by tests/check_layers.ts -->";
const END = "<!-- the end of the floors -->";

/** The folder that a file belongs to: the first one below lib/, `ffi`, or the file itself at the top. */
function folderOf(file: string): string {
  const [top, folder, ...rest] = file.split("/");
  if (top !== "lib") return top;
  return rest.length === 0 ? file : folder;
}

/** What is wrong with an import; undefined where it leads down, or stays in its folder. */
function wrong({ from, to }: Arrow, floors: Floor[]): string | undefined {
  const [above, below] = [folderOf(from), folderOf(to)];
  if (above === below) return undefined;
  const [upper, lower] = [above, below].map((folder) =>
    floors.findIndex(({ folders }) => folders.includes(folder))
  );
  if (upper < 0 || lower < 0) return `${upper < 0 ? above : below} is on no floor`;
  if (upper === lower) return `${above} and ${below} are on one floor`;
  return upper < lower ? undefined : `${below} is above ${above}`;
}

/**
 * What asks the kernel, or Deno, for something: calls, the caller's words and variables, files. Types don't.
 */
const ASKS = /\bDeno\.(?!errors\b)[a-z]|\bfetch\(|\bcrypto\./;

/** Imports by which a file of a pure folder comes to one that asks, a line each. */
function impure(project: string, all: Arrow[], floors: Floor[]): string[] {
  const pure = floors.filter((floor) => floor.pure).flatMap(({ folders }) => folders);
  const asks = (file: string) => ASKS.test(withoutComments(Deno.readTextFileSync(`${project}/${file}`)));
  const next = Map.groupBy(all, ({ from }) => from);
  const reached = (file: string, seen = new Set<string>()): string | undefined => {
    if (seen.has(file)) return undefined;
    seen.add(file);
    if (asks(file)) return file;
    for (const { to } of next.get(file) ?? []) {
      const found = reached(to, seen);
      if (found !== undefined) return found;
    }
  };
  const own = sourceFiles(project).filter((file) => pure.includes(folderOf(file)));
  return [
    ...own.filter(asks).map((file) => `${file}: asks the host for something, but ${folderOf(file)} is pure`),
    ...all.filter(({ from, to }) => own.includes(from) && !own.includes(to)).flatMap(({ from, line, to }) => {
      const found = reached(to);
      if (found === undefined) return [];
      const way = found === to ? "which asks" : `and with it ${found}, which asks`;
      return [`${from}:${line}: imports ${to}, ${way} the host for something, but ${folderOf(from)} is pure`];
    }),
  ];
}

const withoutComments = (text: string) => text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");

/** Everything wrong with the floors of the project in this folder, a line each. */
export async function checkLayers(project: string, floors: Floor[]): Promise<string[]> {
  const all = await arrows(project);
  const up = all.flatMap((arrow) => {
    const problem = wrong(arrow, floors);
    return problem === undefined ? [] : [`${arrow.from}:${arrow.line}: imports ${arrow.to}, but ${problem}`];
  });
  return [
    ...up,
    ...impure(project, all, floors),
    ...circles(all).map((files) => `a circle of imports: ${files.join(" ")}`),
    ...checkVoice(all, sourceFiles(project), (file) => Deno.readTextFileSync(`${project}/${file}`)),
  ];
}

/** The document with the floors as they are between its two marks. Throws where it has no marks. */
function withPicture(text: string, floors: Floor[]): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/architecture.md has no ${BEGIN} and ${END}`);
  return `${text.slice(0, begin)}${BEGIN}\n\n${picture(floors)}\n\n${text.slice(end)}`;
}

/** Without what `deno fmt` does to a table: it fills its columns up. */
const unformatted = (text: string) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");

if (import.meta.main) {
  const { write } = toolArguments({ switches: ["write"] });
  const project = dirname(import.meta.dirname!);
  const document = `${project}/docs/architecture.md`;
  const shown = Deno.readTextFileSync(document);
  const right = withPicture(shown, FLOORS);
  if (write) Deno.writeTextFileSync(document, right);
  const problems = await checkLayers(project, FLOORS);
  if (unformatted(right) !== unformatted(shown) && !write) {
    problems.push("docs/architecture.md shows other floors: deno run -A tests/check_layers.ts --write");
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
