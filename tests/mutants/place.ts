// Where a fault of the table goes.

import type { Mutant } from "./table.ts";

/** All sources of the program below `root`, as paths from there. */
export function sources(root: string): string[] {
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${root}/${folder}`)) {
      if (isDirectory) visit(`${folder}/${name}`);
      else found.push(`${folder}/${name}`);
    }
  };
  for (const folder of ["lib", "ffi"]) visit(folder);
  return found.sort();
}

/** The one file of that name that has the text once, changed. Throws where it is not clear which. */
export function apply(
  root: string,
  paths: string[],
  { fault, file, find, put }: Mutant,
): [path: string, text: string] {
  const candidates = paths.filter((path) => path.endsWith(`/${file}`))
    .map((path) => [path, Deno.readTextFileSync(`${root}/${path}`)] as const)
    .filter(([, text]) => text.includes(find));
  if (candidates.length !== 1) {
    const where = candidates.map(([path]) => path).join(", ") || "no file";
    throw new Error(`${fault}: ${where} of the name ${file} has this: ${find}`);
  }
  const [[path, text]] = candidates;
  if (text.indexOf(find) !== text.lastIndexOf(find)) {
    throw new Error(`${fault}: ${path} has this more than once: ${find}`);
  }
  const changed = text.replace(find, () => put);
  if (changed === text) throw new Error(`${fault}: nothing is changed in ${path}`);
  return [path, changed];
}
