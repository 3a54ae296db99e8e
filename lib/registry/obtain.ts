// The image that a container shall be made of: looked for here, or fetched, as --pull says.

import type { PullOptions } from "../flags/pull_flags.ts";
import { resolveIfAny } from "../image/store.ts";

/**
 * Pulls an image if it has to be pulled for a container. To be called before signals are passed on to a
 * container: an interrupt ends this. Throws Failure.
 */
export async function obtainImage(image: string, { when, platform, quiet }: PullOptions): Promise<void> {
  if (when === "never" || /^(?:sha256:)?[0-9a-f]{64}$/.test(image)) return;
  const always = when === "always";
  if (!always && platform === undefined && resolveIfAny(image)) return;
  const { pullForContainer } = await import("./missing.ts");
  await pullForContainer({ image, always, platform, quiet });
}
