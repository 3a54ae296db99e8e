// volume create: creates a volume, or leaves an existing one as it is.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { createVolume } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume create",
  usage: "[OPTIONS] [VOLUME]",
  summary: "Create a volume",
  args: [0, 1],
  flags: [
    {
      name: "driver",
      short: "d",
      kind: "string",
      default: "local",
      help: "Specify volume driver name; only local is supported",
    },
    { name: "name", kind: "string", hidden: true, help: "Volume name, as docker took it before 1.13" },
    { name: "label", kind: "list", help: "Set metadata for a volume (key=value)" },
    {
      name: "opt",
      short: "o",
      kind: "list",
      value: "map",
      help: "Set driver specific options: type=…, device=… and o=…, as mount has them",
    },
  ],
};

/** Prints the volume's name. */
export async function run(parsed: Parsed): Promise<number> {
  const name = parsed.args[0] ?? parsed.text("name");
  if (parsed.given("name") && parsed.args.length > 0) {
    const why = "cannot specify a volume-name through both --name and as a positional arg";
    throw new Failure(`conflicting options: ${why}`);
  }
  const driver = parsed.text("driver");
  if (driver !== "local") {
    throw new Failure(`volume driver '${driver}' is not supported; use local, the default`);
  }
  const given = parsed.list("opt");
  const options = given.length > 0 ? Object.fromEntries(given.map(parsePair)) : undefined;
  const labels = Object.fromEntries(parsed.list("label").map(parsePair));
  console.log((await createVolume(name === "" ? undefined : name, { labels, options })).name);
  return 0;
}

function parsePair(text: string): [string, string] {
  const [, key, value = ""] = /^([^=]*)(?:=(.*))?$/s.exec(text)!;
  return [key, value];
}
