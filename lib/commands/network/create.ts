// network create: creates a network and prints its ID.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { print } from "../../base/output.ts";
import { NETWORK_CREATE_FLAGS, networkCreateOptions } from "../../flags/network_create_options.ts";
import { createNetwork } from "../../network/make.ts";

export const spec: CommandSpec = {
  name: "network create",
  usage: "[OPTIONS] NETWORK",
  summary: "Create a network",
  args: [1, 1],
  flags: NETWORK_CREATE_FLAGS,
};

export async function run(parsed: Parsed): Promise<number> {
  const { id } = await createNetwork(networkCreateOptions(parsed));
  print(`${id}\n`);
  return 0;
}
