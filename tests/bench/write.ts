// Puts what a run found into the documents: all of it into docs/benchmarks.md, a short table into README.md,
// between two markers in each.

import { type Kind, markdown, medianOf, type Outcomes } from "./report.ts";

/** What was measured, by its kind. */
export type Short = Map<Kind, Outcomes>;

const REPOSITORY = new URL("../../", import.meta.url).pathname;
const [BEGIN, END] = ["<!-- make bench: begin -->", "<!-- make bench: end -->"];

/** The rows of README's table: what, the kind that has it, and what comes after a program's name there. */
const ROWS: [title: string, kind: Kind, what: string][] = [
  ["`run --rm --network none IMAGE true`", "run", " run --rm"],
  ["`run --rm IMAGE true`, default network", "network", " run --rm"],
  ["`exec CONTAINER true`", "exec", " exec"],
  ["`ps`, 10 containers", "ps", " ps"],
  ["`stop`", "stop", " stop"],
  ["`load` of a Debian root", "load", " load"],
  ["100 MB of output through a pipe", "chatter", " run cat"],
  ["200 `run -d` at the same time", "parallel", " run -d"],
];

/** Writes both documents, formatted. Throws where one has no place for it. */
export async function writeDocuments(sections: string[], found: Short): Promise<void> {
  const paths = ["docs/benchmarks.md", "README.md"].map((path) => REPOSITORY + path);
  replace(paths[0], sections.join("\n\n"));
  replace(paths[1], shortTable(found));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", ...paths],
    cwd: REPOSITORY,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

function shortTable(found: Short): string {
  const programs = ["mydocker", "docker", "podman"];
  const rows = ROWS.map(([title, kind, what]) => [
    title,
    ...programs.map((name) => medianOf(found.get(kind) ?? new Map(), name + what)?.toFixed(1) ?? "–"),
  ]);
  return markdown([["medians, ms", ...programs], ...rows]);
}

/** What is between the markers of a document is `text` afterwards. */
function replace(path: string, text: string): void {
  const whole = Deno.readTextFileSync(path);
  const [begin, end] = [whole.indexOf(BEGIN), whole.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} has no place for the figures: ${BEGIN} and ${END}`);
  Deno.writeTextFileSync(path, `${whole.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${whole.slice(end)}`);
}
