// Runs a container in the foreground from start to end: for run, and start -a.

import { step } from "../base/debug.ts";
import { emitContainer } from "../events/emit.ts";
import { endWork } from "../store/root.ts";
import { attach, DETACHED, giveTerminal } from "./attach.ts";
import { removeContainer } from "./remove.ts";
import { type Running, startContainer } from "./start.ts";
import type { Attachment } from "./streams.ts";
import type { Container } from "../model/container.ts";

/**
 * Starts the container and follows it; --rm removes it afterwards. Returns the exit code: the command's, or 0
 * if the detach keys left it running. `started` is called when it runs.
 */
export async function runForeground(
  container: Container,
  attached: Attachment,
  detachKeys: number[],
  started: (running: Running) => void,
): Promise<number> {
  emitContainer(container, "attach");
  const takeTerminalBack = giveTerminal(container.config.tty && attached.stdin);
  let result: number | typeof DETACHED | undefined;
  try {
    const running = await startContainer(container, attached);
    started(running);
    endWork();
    result = await attach(running, detachKeys);
    return result === DETACHED ? 0 : result;
  } finally {
    takeTerminalBack();
    if (container.config.autoRemove && result !== DETACHED) {
      // Another command may be doing the same, with rm -f.
      await removeContainer(container, { volumes: true, force: true });
      step("container removed");
    }
  }
}
