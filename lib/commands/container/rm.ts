// rm: removes containers, one after another. After a failure it continues with the others.

import { close } from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { findContainerId, openContainer } from "../../container/find.ts";
import { removeContainer, removeDamaged } from "../../lifecycle/remove.ts";

export const spec: CommandSpec = {
  name: "rm",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Remove one or more containers",
  aliases: ["container rm", "container remove"],
  flags: [
    {
      name: "force",
      short: "f",
      kind: "bool",
      help: "Force the removal of a running container (uses SIGKILL)",
    },
    { name: "link", short: "l", kind: "bool", help: "Remove the specified link; there are none" },
    {
      name: "volumes",
      short: "v",
      kind: "bool",
      help: "Remove anonymous volumes associated with the container",
    },
  ],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  if (parsed.bool("link")) {
    throw new Failure("rm --link: there are no links between containers here, so none can be removed");
  }
  const options = { force: parsed.bool("force"), volumes: parsed.bool("volumes") };
  let code = 0;
  for (const reference of parsed.args) {
    try {
      await remove(reference, options);
      print(`${reference}\n`);
    } catch (error) {
      if (!isExpected(error)) throw error;
      printError(`mydocker: ${error.message}\n`);
      // With -f, as with rm(1), a missing container is no failure.
      if (!(options.force && error instanceof NoSuchContainer)) code = 1;
    }
  }
  return code;
}

class NoSuchContainer extends Failure {}

async function remove(reference: string, options: { force: boolean; volumes: boolean }): Promise<void> {
  if (reference === "") throw new Failure("Container name cannot be empty");
  const id = findContainerId(reference);
  if (id === undefined) throw new NoSuchContainer(`No such container: ${reference}`);
  let container;
  try {
    container = openContainer(id);
  } catch (error) {
    if (!(error instanceof Failure) || !options.force) throw error;
    return await removeDamaged(id);
  }
  if (!container) throw new NoSuchContainer(`No such container: ${reference}`);
  try {
    await removeContainer(container, options);
  } finally {
    close(container.dir);
  }
}
