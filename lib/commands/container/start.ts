// start: starts containers that were created or have ended.

import { close } from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { START_EXITS } from "../../cli/exit_code.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { DETACHED, proxySignals } from "../../lifecycle/attach.ts";
import { parseDetachKeys } from "../../flags/detach_keys.ts";
import { findContainer, withContainer } from "../../container/find.ts";
import { runForeground } from "../../lifecycle/foreground.ts";
import { AlreadyStarted, startContainer } from "../../lifecycle/start.ts";
import { containerState } from "../../container/state.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { sleep } from "../../base/sleep.ts";
import { DETACH_KEYS } from "../../flags/attach_flags.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "start",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Start one or more stopped containers",
  aliases: ["container start"],
  flags: [
    { name: "attach", short: "a", kind: "bool", help: "Attach STDOUT/STDERR and forward signals" },
    { name: "interactive", short: "i", kind: "bool", help: "Attach container's STDIN" },
    DETACH_KEYS,
  ],
  args: [1, Infinity],
  exits: START_EXITS,
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  if (!parsed.bool("attach") && !parsed.bool("interactive")) return await startAll(parsed.args);
  if (parsed.args.length > 1) {
    throw new Failure("you cannot start and attach multiple containers at once");
  }
  const container = findContainer(parsed.args[0]);
  const detachKeys = parseDetachKeys(parsed.text("detach-keys")!);
  return await startAttached(container, { stdin: parsed.bool("interactive"), detachKeys });
}

async function startAll(references: string[]): Promise<number> {
  const failed: string[] = [];
  for (const reference of references) {
    try {
      await withContainer(reference, start);
      print(`${reference}\n`);
    } catch (error) {
      if (!isExpected(error)) throw error;
      printError(`mydocker: ${error.message}\n`);
      failed.push(reference);
    }
  }
  if (failed.length > 0) throw new Failure(`failed to start containers: ${failed.join(", ")}`);
  return 0;
}

/** How long another command may hold a stopped container, in ms, to start or copy it. */
const PATIENCE = 5000;

/** Starts the container detached. Does nothing if it runs or is being started. Throws Failure. */
export async function start(container: Container): Promise<void> {
  const patience = performance.now() + PATIENCE;
  for (;;) {
    const { status } = containerState(container.dir);
    if (status === "running" || status === "restarting") return;
    if (status === "paused") {
      throw new Failure("cannot start a paused container, try unpause instead");
    }
    try {
      return close((await startContainer(container)).messages);
    } catch (error) {
      if (!(error instanceof AlreadyStarted)) throw error;
    }
    if (performance.now() > patience) {
      throw new Failure(`container ${container.config.name} is being used by another command; try again`);
    }
    sleep(5);
  }
}

async function startAttached(
  container: Container,
  wishes: { stdin: boolean; detachKeys: number[] },
): Promise<number> {
  const { detachKeys } = wishes;
  const stdin = wishes.stdin && container.config.stdin;
  if (stdin && container.config.tty && !Deno.stdin.isTerminal()) {
    throw new Failure("the input device is not a TTY", { kind: "no terminal" });
  }
  const { status } = containerState(container.dir);
  if (status !== "created" && status !== "exited") {
    const { attachTo } = await import("./attach.ts");
    const result = await attachTo(container, { stdin, signals: true, detachKeys });
    return result === DETACHED ? 0 : result;
  }
  const passSignalsTo = proxySignals(!container.config.tty);
  return await runForeground(container, { stdin, stdout: true, stderr: true }, detachKeys, passSignalsTo);
}
