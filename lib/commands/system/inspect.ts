// inspect: shows objects as JSON or through a template.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { FORMAT_OBJECT } from "../../cli/format_flag.ts";
import { print, printError } from "../../base/output.ts";
import { compileTemplate } from "../../template/template.ts";
import { wellFormedJson } from "../../template/funcs.ts";
import { findContainerId, openContainer } from "../../container/find.ts";
import { containerInspect } from "../../lifecycle/inspect.ts";

export const spec: CommandSpec = {
  name: "inspect",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  summary: "Return low-level information on containers, images, networks and volumes",
  flags: [
    FORMAT_OBJECT,
    { name: "size", short: "s", kind: "bool", help: "Display total file sizes if the type is container" },
    {
      name: "type",
      kind: "string",
      help: "Only inspect objects of the given type: container, image, network or volume",
    },
  ],
  args: [1, Infinity],
};

type Kind = "container" | "image" | "network" | "volume";
/** Finds the object that a reference stands for; undefined where there is none. `size`: include its size. */
type Finder = (reference: string, size: boolean) => unknown | Promise<unknown>;

/** In the order in which names are looked up. */
const FINDERS: Record<Kind, Finder> = {
  container(reference, size) {
    const id = findContainerId(reference);
    const container = id === undefined ? undefined : openContainer(id);
    if (!container) return undefined;
    return containerInspect(container, size);
  },
  async image(reference) {
    const { inspectImage } = await import("../../image/inspect.ts");
    return inspectImage(reference);
  },
  async network(reference) {
    const { findNetwork } = await import("../../network/store.ts");
    const { repairIfNeeded } = await import("../../network/leftovers.ts");
    await repairIfNeeded();
    const network = await findNetwork(reference);
    return network && (await import("../../network/inspect.ts")).networkInspect(network);
  },
  async volume(reference) {
    const { inspectVolume } = await import("../../volume/inspect.ts");
    const { readVolume } = await import("../../volume/store.ts");
    const volume = readVolume(reference);
    return volume && inspectVolume(volume);
  },
};

export async function run(parsed: Parsed): Promise<number> {
  return await inspect(parsed, parsed.text("type"));
}

/**
 * Shows each argument, of one kind or of the first kind that has the name. Missing objects are reported at
 * the end.
 */
export async function inspect(parsed: Parsed, kind: string | undefined): Promise<number> {
  if (kind !== undefined && !(kind in FINDERS)) {
    throw new Failure(
      `"${kind}" is not a valid value for --type: there are container, image, network and volume`,
    );
  }
  const kinds = kind === undefined ? Object.keys(FINDERS) as Kind[] : [kind as Kind];
  const found: unknown[] = [];
  const problems: string[] = [];
  for (const reference of parsed.args) {
    try {
      const object = await firstFound(reference, kinds, parsed.bool("size"));
      if (object === undefined) problems.push(`No such ${kind ?? "object"}: ${reference}`);
      else found.push(object);
    } catch (error) {
      if (!isExpected(error)) throw error;
      problems.push(error.message);
    }
  }
  show(found, parsed.text("format"));
  for (const problem of problems) printError(`mydocker: ${problem}\n`);
  return problems.length > 0 ? 1 : 0;
}

async function firstFound(reference: string, kinds: Kind[], size: boolean): Promise<unknown> {
  for (const kind of kinds) {
    const object = await FINDERS[kind](reference, size);
    if (object !== undefined) return object;
  }
  return undefined;
}

function show(objects: unknown[], format: string | undefined): void {
  if (!format) return print(wellFormedJson(JSON.stringify(objects, null, 4)) + "\n");
  if (format === "json") return print(wellFormedJson(JSON.stringify(objects)) + "\n");
  const render = compileTemplate(format, { missingKey: "error" });
  // Docker prints an empty line where nothing was found.
  print((objects.length > 0 ? objects.map(render).join("\n") : "") + "\n");
}
