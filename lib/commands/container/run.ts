// run: create, start, go along unless it shall run on its own, clean up.

import { close } from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { CONTAINER_EXITS } from "../../cli/exit_code.ts";
import { Failure, Refusal } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { proxySignals } from "../../lifecycle/attach.ts";
import { DETACH_KEYS, SIG_PROXY } from "../../flags/attach_flags.ts";
import { parseDetachKeys } from "../../flags/detach_keys.ts";
import { runForeground } from "../../lifecycle/foreground.ts";
import { CONTAINER_FLAGS } from "../../flags/options.ts";
import { readiness, READINESS_FLAGS } from "../../flags/readiness.ts";
import { startContainer } from "../../lifecycle/start.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { PULL_FLAGS } from "../../flags/pull_flags.ts";
import { createFromFlags, obtainImageFor } from "./create.ts";

export const spec: CommandSpec = {
  name: "run",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create and run a new container from an image",
  aliases: ["container run"],
  flags: [
    ...CONTAINER_FLAGS,
    ...PULL_FLAGS,
    { name: "detach", short: "d", kind: "bool", help: "Run container in background and print container ID" },
    DETACH_KEYS,
    SIG_PROXY,
    ...READINESS_FLAGS,
  ],
  args: [1, Infinity],
  exits: CONTAINER_EXITS,
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  const keys = parseDetachKeys(parsed.text("detach-keys")!);
  if (parsed.bool("detach")) return await runDetached(parsed);
  if (parsed.given("wait-for") || parsed.given("wait-timeout")) {
    throw new Refusal("--wait-for and --wait-timeout need -d: in the foreground, run waits for the end");
  }
  if (parsed.bool("interactive") && parsed.bool("tty") && !Deno.stdin.isTerminal()) {
    throw new Failure("the input device is not a TTY", { kind: "no terminal" });
  }
  await obtainImageFor(parsed, false);
  const passSignalsTo = proxySignals(parsed.bool("sig-proxy"));
  const container = await createFromFlags(parsed, false);
  const { attachStdin: stdin, attachStdout: stdout, attachStderr: stderr } = container.config;
  // -a stdin: nothing else would be said.
  if (!stdout && !stderr) print(`${container.id}\n`);
  return await runForeground(container, { stdin, stdout, stderr }, keys, passSignalsTo);
}

async function runDetached(parsed: Parsed): Promise<number> {
  const wanted = readiness(parsed, "wait-for");
  await obtainImageFor(parsed, true);
  const container = await createFromFlags(parsed, true);
  try {
    close((await startContainer(container)).messages);
  } catch (error) {
    if (container.config.autoRemove) {
      const { removeContainer } = await import("../../lifecycle/remove.ts");
      await removeContainer(container, { volumes: true, force: true });
    }
    throw error;
  } finally {
    // Docker's scripts get it even if the start has failed: they may have something to remove.
    print(`${container.id}\n`);
  }
  if (wanted) {
    const { waitFor } = await import("../../lifecycle/ready.ts");
    await waitFor(container, wanted);
  }
  return 0;
}
