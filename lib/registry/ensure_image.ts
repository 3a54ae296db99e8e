// Makes sure that the image for a container is in the store, as --pull says.

import type { PullOptions } from "../flags/pull_flags.ts";
import { resolveIfAny } from "../image/store.ts";

/**
 * Pulls the image for a container if necessary. It is called before signals are passed on to a container, so
 * that an interrupt ends it. Throws Failure.
 */
export async function ensureImage(image: string, { when, platform, quiet }: PullOptions): Promise<void> {
  if (when === "never" || /^(?:sha256:)?[0-9a-f]{64}$/.test(image)) return;
  const always = when === "always";
  if (!always && platform === undefined && resolveIfAny(image)) return;
  const { pullForContainer } = await import("./pull.ts");
  await pullForContainer({ image, always, platform, quiet });
}
