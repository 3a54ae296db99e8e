// volume create: creates a volume, or leaves an existing one as it is.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { print } from "../../base/output.ts";
import { VOLUME_CREATE_FLAGS, volumeCreateOptions } from "../../flags/volume_create_options.ts";
import { createVolume } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume create",
  usage: "[OPTIONS] [VOLUME]",
  summary: "Create a volume",
  args: [0, 1],
  flags: VOLUME_CREATE_FLAGS,
};

/** Prints the volume's name. */
export async function run(parsed: Parsed): Promise<number> {
  const { name, ...options } = volumeCreateOptions(parsed);
  print(`${(await createVolume(name, options)).name}\n`);
  return 0;
}
