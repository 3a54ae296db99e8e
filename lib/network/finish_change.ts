// Cleans up a change of a container's networks that a killed command had begun. Commands call it before they
// do anything else with these networks.

import { isChanging } from "./change_mark.ts";

/** Waits for a change in progress, and takes back a change that a killed command had begun. */
export async function finishChange(): Promise<void> {
  if (!isChanging()) return;
  const { whileChangesAreLocked } = await import("./change.ts");
  await whileChangesAreLocked(() => Promise.resolve());
}
