// What every end-to-end test stands on: `test` gives it a Box, which is a root directory of its own, mydocker
// as a user runs it, and the proof at the end that nothing was left behind.

import { Box } from "./box.ts";
import { busyboxTar, debianTar } from "./images.ts";
import { isolate } from "./netns.ts";
import { gated, type Requirements, requires } from "./requires.ts";
import { within } from "./wait.ts";

export { BIN, Box, type Result, type RunOptions } from "./box.ts";
export { type Requirements, requires } from "./requires.ts";
export { Running } from "./running.ts";
export { until } from "./wait.ts";
export { words } from "./words.ts";

isolate();

/** A root directory that has busybox: copied where an import takes too long. */
const TEMPLATE = Deno.env.get("MYDOCKER_TEMPLATE");

/** A sandbox with these images imported. */
export function sandbox(...images: ("busybox" | "debian")[]): Promise<Box> {
  return furnished(new Box(), ...images);
}

/** The box, with these images imported. */
export async function furnished(box: Box, ...images: ("busybox" | "debian")[]): Promise<Box> {
  try {
    if (TEMPLATE) {
      const { success } = await new Deno.Command("cp", { args: ["-a", TEMPLATE, box.root] }).output();
      if (!success) throw new Error(`can't copy ${TEMPLATE}`);
    }
    for (const image of images) {
      if (TEMPLATE && image === "busybox") continue;
      const tar = image === "busybox" ? await busyboxTar() : (await debianTar()).path!;
      await box.ok`import ${tar} ${image}`;
    }
    return box;
  } catch (error) {
    await box[Symbol.asyncDispose]();
    throw error;
  }
}

/** `mydocker top` asks ps, and many a test asks `top`. */
const always = await requires("root", "busybox", "ps");

/** Registers a test that gets a sandbox with busybox, where the host has what it requires. */
export function test(name: string, body: (box: Box) => Promise<void>, needs: Requirements = {}): void {
  bare(name, async () => {
    await using box = await sandbox("busybox");
    await within(body(box), needs.seconds ?? 40, "the test was over");
  }, needs);
}

/** As test, but without a sandbox. */
export function bare(name: string, body: () => Promise<void>, needs: Requirements = {}): void {
  Deno.test({
    ...gated(name, always.missing === undefined ? needs : always, async () => {
      try {
        await within(body(), (needs.seconds ?? 40) + 20, "the test and its clean-up were over");
      } catch (error) {
        throw firstFirst(error);
      }
    }),
    // A test that ran out of time leaves its promises behind, which would be reported in place of the reason.
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

/**
 * What went wrong first is what matters; that something was left is often its consequence. A SuppressedError
 * hides the first below the later, and deno shows the latter only.
 */
function firstFirst(error: unknown): unknown {
  if (!(error instanceof SuppressedError)) return error;
  const [first, later] = [firstFirst(error.suppressed), firstFirst(error.error)];
  const message = (error: unknown) => error instanceof Error ? error.message : String(error);
  return new Error(`${message(first)}\nand ${message(later)}`, { cause: first });
}
