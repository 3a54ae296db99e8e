// exec: a command in a running container.

import { close } from "../../../ffi/file.ts";
import { pause } from "../../../ffi/process.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { attach, DETACHED, giveTerminal, proxySignals } from "../../lifecycle/attach.ts";
import { parseDetachKeys } from "../../flags/detach_keys.ts";
import { execIn, type ExecRequest, WrongState } from "../../lifecycle/exec.ts";
import { findContainer } from "../../container/find.ts";
import { ENVIRONMENT_FLAGS, givenEnvironment } from "../../flags/environment_flags.ts";
import { endsProcess } from "../../base/signals.ts";
import type { Running } from "../../lifecycle/start.ts";
import { type Attachment, NOTHING } from "../../lifecycle/streams.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { processFile } from "../../base/proc.ts";
import { DETACH_KEYS } from "../../flags/attach_flags.ts";
import type { Container } from "../../model/container.ts";

/** Milliseconds for a signal to take effect. */
const GRACE = 1000;

export const spec: CommandSpec = {
  name: "exec",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  summary: "Execute a command in a running container",
  aliases: ["container exec"],
  flags: [
    { name: "detach", short: "d", kind: "bool", help: "Detached mode: run command in the background" },
    DETACH_KEYS,
    ...ENVIRONMENT_FLAGS,
    { name: "interactive", short: "i", kind: "bool", help: "Keep STDIN open even if not attached" },
    { name: "privileged", kind: "bool", help: "Give extended privileges to the command" },
    { name: "tty", short: "t", kind: "bool", help: "Allocate a pseudo-TTY" },
    {
      name: "user",
      short: "u",
      kind: "string",
      help: 'Username or UID (format: "<name|uid>[:<group|gid>]")',
    },
    { name: "workdir", short: "w", kind: "string", help: "Working directory inside the container" },
  ],
  args: [2, Infinity],
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  const keys = parseDetachKeys(parsed.text("detach-keys")!);
  const request = requestFrom(parsed);
  const container = findContainer(parsed.args[0]);
  if (parsed.bool("detach")) {
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
    const result = await Promise.race([attach(running, keys), left.then(stopped)]);
    if (result !== DETACHED) return result;
  } finally {
    takeTerminalBack();
  }
  throw new Failure("read escape sequence");
}

/**
 * Whether a signal that shall end it has no effect, as whoever else is in the container has stopped it
 * (SIGSTOP).
 */
async function staysStopped(pid: number): Promise<boolean> {
  await pause(GRACE);
  return processFile(pid, "status")?.includes("\nState:\tT") ?? false;
}

function stopped(signal: number): never {
  throw new Failure("the command is stopped, and was left as it is", { kind: "interrupted", signal });
}

/** As execIn; whatever it is that fails because the container ends meanwhile, that is what is said. */
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

function requestFrom(parsed: Parsed): ExecRequest {
  const workingDirectory = parsed.text("workdir") || undefined;
  if (workingDirectory && !workingDirectory.startsWith("/")) {
    throw new Failure(`the working directory '${workingDirectory}' must be an absolute path`, {
      kind: "not executable",
    });
  }
  const argv = parsed.args.slice(1);
  if (argv[0] === "") {
    throw new Failure('exec: "": executable file not found in $PATH', { kind: "not found" });
  }
  return {
    ...{ argv, workingDirectory },
    environment: givenEnvironment(parsed),
    user: parsed.text("user") || undefined,
    tty: parsed.bool("tty"),
    stdin: parsed.bool("interactive"),
    privileged: parsed.bool("privileged"),
  };
}
