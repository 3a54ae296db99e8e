// What a killed command had begun with a container's networks is taken back before anything else is done to
// them.

import { isChanging } from "./change_mark.ts";

/** Waits for whoever is at work, and takes back what a killed command had begun. */
export async function finishChange(): Promise<void> {
  if (!isChanging()) return;
  const { changing } = await import("./change.ts");
  await changing(() => Promise.resolve());
}
