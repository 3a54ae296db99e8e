// volume inspect: everything known about volumes, as JSON or by a template.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { compileTemplate } from "../../cli/template.ts";
import { wellFormedJson } from "../../cli/template_funcs.ts";
import { inspectVolume } from "../../volume/inspect.ts";
import { readVolume } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume inspect",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  summary: "Show all there is to know about volumes",
  args: [1, Infinity],
  flags: [
    { name: "format", short: "f", kind: "string", help: "Print each volume by a Go template, or as json" },
  ],
};

/** Prints the volumes there are, and then an error for each of the others. */
export function run(parsed: Parsed): number {
  const volumes = parsed.args.map((name) => ({ name, volume: readVolume(name) }));
  const found = volumes.flatMap(({ volume }) => volume ? [inspectVolume(volume)] : []);
  console.log(render(found, parsed.text("format") ?? ""));
  const missing = volumes.filter(({ volume }) => !volume);
  for (const { name } of missing) console.error(`mydocker: No such volume: ${name}`);
  return missing.length > 0 ? 1 : 0;
}

function render(found: Record<string, unknown>[], format: string): string {
  if (format === "json") return wellFormedJson(JSON.stringify(found));
  if (format === "") return wellFormedJson(JSON.stringify(found, undefined, 4));
  const template = compileTemplate(format, { missingKey: "error" });
  return found.map(template).join("\n");
}
