// create: does everything that run does before the start.

import { CONTAINER_EXITS } from "../../cli/exit_code.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { print, printError } from "../../base/output.ts";
import { CREATE_FLAGS, type CreateOptions, createOptions } from "../../flags/run_options.ts";
import { type Found, lookUp } from "../../lifecycle/look_up.ts";
import { newContainer } from "../../lifecycle/new_container.ts";
import type { Container } from "../../model/container.ts";
import { ensureImage } from "../../registry/ensure_image.ts";

export const spec: CommandSpec = {
  name: "create",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create a new container",
  aliases: ["container create"],
  flags: CREATE_FLAGS,
  args: [1, Infinity],
  exits: CONTAINER_EXITS,
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  const options = await createOptions(parsed);
  const { id } = await create(options, await prepare(options));
  print(`${id}\n`);
  return 0;
}

/**
 * Looks up what the options name, and sees to it that the image is there. Signals are not to be passed on
 * yet: they end this. Throws Failure.
 */
export async function prepare({ container, pull }: CreateOptions): Promise<Found> {
  const found = await lookUp(container);
  await ensureImage(container.image, pull);
  return found;
}

/** Makes the container, and says what the user should know about it. Throws Failure. */
export async function create(options: CreateOptions, found: Found): Promise<Container> {
  const { container, warnings } = await newContainer(options.container, found);
  for (const warning of warnings) printError(`WARNING: ${warning}\n`);
  return container;
}
