// exec: executes a command in a running container.

import { close } from "../../../ffi/file.ts";
import { pause } from "../../../ffi/process.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { attach, DETACHED, giveTerminal, proxySignals } from "../../lifecycle/attach.ts";
import { execIn, type ExecRequest, WrongState } from "../../lifecycle/exec.ts";
import { findContainer } from "../../container/find.ts";
import { EXEC_FLAGS, execOptions } from "../../flags/exec_options.ts";
import { givenEnvironment } from "../../lifecycle/given_environment.ts";
import { endsProcess } from "../../base/signals.ts";
import type { Running } from "../../lifecycle/start.ts";
import { type Attachment, NOTHING } from "../../lifecycle/streams.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { processFile } from "../../base/proc.ts";
import type { Container } from "../../model/container.ts";

/** Milliseconds for a signal to take effect. */
const GRACE = 1000;

export const spec: CommandSpec = {
  name: "exec",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  summary: "Execute a command in a running container",
  aliases: ["container exec"],
  flags: EXEC_FLAGS,
  args: [2, Infinity],
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  const { environment, detach, detachKeys, ...options } = execOptions(parsed);
  const request = { ...options, environment: await givenEnvironment(environment) };
  const container = findContainer(options.container);
  if (detach) {
    close((await start(container, request, NOTHING)).messages);
    return 0;
  }
  if (request.stdin && request.tty && !Deno.stdin.isTerminal()) {
    throw new Failure("the input device is not a TTY", { kind: "no terminal" });
  }
  let leave: (signal: number) => void;
  const left = new Promise<number>((resolve) => leave = resolve);
  const passSignalsTo = proxySignals(true, async (signal, { pid }) => {
    if (endsProcess(signal) && await staysStopped(pid)) leave(signal);
  });
  const takeTerminalBack = giveTerminal(request.tty && request.stdin);
  try {
    const running = await start(container, request, { stdin: request.stdin, stdout: true, stderr: true });
    passSignalsTo(running);
    const result = await Promise.race([attach(running, detachKeys), left.then(stopped)]);
    if (result !== DETACHED) return result;
  } finally {
    takeTerminalBack();
  }
  throw new Failure("read escape sequence");
}

/**
 * Whether a signal to end the process has no effect because somebody in the container has stopped it
 * (SIGSTOP).
 */
async function staysStopped(pid: number): Promise<boolean> {
  await pause(GRACE);
  return processFile(pid, "status")?.includes("\nState:\tT") ?? false;
}

function stopped(signal: number): never {
  throw new Failure("the command is stopped, and was left as it is", { kind: "interrupted", signal });
}

/** Calls execIn. If the container ends meanwhile, the error says so, whatever else failed. */
async function start(container: Container, request: ExecRequest, attached: Attachment): Promise<Running> {
  try {
    return await execIn(container, request, attached);
  } catch (error) {
    if (!isExpected(error) || error instanceof WrongState) throw error;
    const { hasFirstProcess } = await import("../../container/process.ts");
    if (await hasFirstProcess(container)) throw error;
    throw new Failure(`Container ${container.id} is not running`, { cause: error });
  }
}
