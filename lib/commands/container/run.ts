// run: creates a container, starts it, follows it unless it is detached, and cleans up.

import { close } from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { proxySignals } from "../../lifecycle/attach.ts";
import { RUN_FLAGS, type RunOptions, runOptions } from "../../flags/run_options.ts";
import type { Found } from "../../lifecycle/look_up.ts";
import { runForeground } from "../../lifecycle/foreground.ts";
import { CONTAINER_EXITS } from "../../cli/exit_code.ts";
import { startContainer } from "../../lifecycle/start.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { create, prepare } from "./create.ts";

export const spec: CommandSpec = {
  name: "run",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create and run a new container from an image",
  aliases: ["container run"],
  flags: RUN_FLAGS,
  args: [1, Infinity],
  exits: CONTAINER_EXITS,
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  const options = await runOptions(parsed);
  const { config } = options.container;
  if (config.stdin && config.tty && !options.detach && !Deno.stdin.isTerminal()) {
    throw new Failure("the input device is not a TTY", { kind: "no terminal" });
  }
  const found = await prepare(options);
  if (options.detach) return await runDetached(options, found);
  const passSignalsTo = proxySignals(options.sigProxy);
  const container = await create(options, found);
  const { attachStdin: stdin, attachStdout: stdout, attachStderr: stderr } = config;
  // With -a stdin alone, nothing else would be printed.
  if (!stdout && !stderr) print(`${container.id}\n`);
  return await runForeground(container, { stdin, stdout, stderr }, options.detachKeys, passSignalsTo);
}

async function runDetached(options: RunOptions, found: Found): Promise<number> {
  const container = await create(options, found);
  try {
    close((await startContainer(container)).messages);
  } catch (error) {
    if (container.config.autoRemove) {
      const { removeContainer } = await import("../../lifecycle/remove.ts");
      await removeContainer(container, { volumes: true, force: true });
    }
    throw error;
  } finally {
    // Docker prints the ID even if the start fails, because scripts may have to remove the container.
    print(`${container.id}\n`);
  }
  if (options.waitFor) {
    const { waitFor } = await import("../../lifecycle/ready.ts");
    await waitFor(container, options.waitFor);
  }
  return 0;
}
