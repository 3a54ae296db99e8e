// volume create: makes a volume, or leaves the one of that name as it is.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { CommandError } from "../../cli/error.ts";
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
      help: "Volume driver; there is only local",
    },
    { name: "label", kind: "list", help: "Set metadata on the volume (key=value)" },
    { name: "opt", short: "o", kind: "list", value: "map", help: "Driver options; local has none here" },
  ],
};

/** Prints the volume's name. */
export async function run(parsed: Parsed): Promise<number> {
  const [name] = parsed.args;
  const driver = parsed.text("driver");
  if (driver !== "local") {
    throw new CommandError(`volume driver '${driver}' is not supported; use local, the default`, 1);
  }
  if (parsed.list("opt").length > 0) {
    const instead = "mount a directory or a tmpfs with: run --mount type=bind,… or run --mount type=tmpfs,…";
    throw new CommandError(
      `volume options (--opt ${parsed.list("opt")[0]}) are not supported; ${instead}`,
      1,
    );
  }
  const labels = Object.fromEntries(parsed.list("label").map(parseLabel));
  console.log((await createVolume(name === "" ? undefined : name, { labels })).name);
  return 0;
}

function parseLabel(label: string): [string, string] {
  const [, key, value = ""] = /^([^=]*)(?:=(.*))?$/s.exec(label)!;
  return [key, value];
}
