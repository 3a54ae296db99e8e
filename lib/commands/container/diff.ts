// diff: lists the files that a container has changed.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { containerChanges } from "../../lifecycle/changes.ts";
import { findContainer } from "../../container/find.ts";

export const spec: CommandSpec = {
  name: "diff",
  usage: "CONTAINER",
  summary: "Inspect changes to files or directories on a container's filesystem",
  aliases: ["container diff"],
  flags: [],
  args: [1, 1],
};

export function run(parsed: Parsed): number {
  const [reference] = parsed.args;
  if (reference.trim() === "") throw new Failure("Container name cannot be empty");
  const changes = containerChanges(findContainer(reference));
  print(changes.map(({ kind, path }) => `${kind} ${path}\n`).join(""));
  return 0;
}
