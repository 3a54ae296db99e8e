// top: lists a container's processes, as the host's ps shows them.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { columns } from "../../cli/columns.ts";
import { findContainer } from "../../container/find.ts";
import { containsProcess, hostProcesses } from "../../container/processes.ts";
import { containerState, isAlive } from "../../container/state.ts";
import { emitContainer } from "../../events/emit.ts";

export const spec: CommandSpec = {
  name: "top",
  usage: "CONTAINER [ps OPTIONS]",
  summary: "Display the running processes of a container",
  aliases: ["container top"],
  flags: [],
  args: [1, Infinity],
  stopAtFirstArg: true,
};

/** docker's columns are wider here than in its lists. */
const MIN_WIDTH = 20;

export async function run(parsed: Parsed): Promise<number> {
  const [reference, ...options] = parsed.args;
  const container = findContainer(reference);
  const { id, dir, config } = container;
  const state = containerState(dir);
  if (state.status === "restarting") {
    throw new Failure(`Container ${id} is restarting, wait until the container is running`);
  }
  if (!isAlive(state)) throw new Failure(`Container ${id} is not running`);
  // docker sends the options as one text and splits it at blanks.
  const words = options.join(" ").split(/\s+/).filter((word) => word !== "");
  const { titles, rows } = await hostProcesses(words.length > 0 ? words : ["-ef"]);
  const inside = containsProcess({ id, limits: config.limits }, state.pid);
  const lines = [titles, ...rows.filter(({ pid }) => inside(pid)).map(({ cells }) => cells)];
  print(await columns(lines.map((cells) => cells.join("\t") + "\n").join(""), MIN_WIDTH));
  emitContainer(container, "top");
  file.close(container.dir);
  return 0;
}
