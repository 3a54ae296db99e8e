// The note of a change of who is in which network while the container runs: there from before it begins until it is done.
// One that nobody is at work on is of a killed command (change.ts).

import * as file from "../../ffi/file.ts";
import { rootFd } from "../state/root.ts";

/** Relative to the root directory. */
export const CHANGE = "networks/.change";

/** Whether there is one. */
export function isChanging(): boolean {
  return file.statIfAny(rootFd(), CHANGE) !== undefined;
}

/** Waits for whoever is at work, and takes back what a killed command had begun. */
export async function finishChange(): Promise<void> {
  if (!isChanging()) return;
  const { changing } = await import("./change.ts");
  await changing(() => Promise.resolve());
}
