// The image that a container shall be made of: looked for here, or fetched, as --pull says.

import { Failure } from "../base/error.ts";
import type { Parsed } from "../cli/command.ts";
import { resolveIfAny } from "../image/store.ts";

/**
 * Pulls the image that a command line of `run` or `create` names if it has to be pulled. To be called before
 * signals are passed on to a container: an interrupt ends this. `check` is called before anything is pulled.
 * Throws Failure; also where --pull is none of its words.
 */
export async function obtainImage(parsed: Parsed, check: () => Promise<void>): Promise<void> {
  const [image] = parsed.args;
  const when = parsed.text("pull") || "missing";
  if (!["always", "missing", "never"].includes(when)) {
    throw new Failure(`invalid pull option: '${when}': must be one of "always", "missing" or "never"`);
  }
  if (when === "never" || /^(?:sha256:)?[0-9a-f]{64}$/.test(image)) return;
  const [always, platform] = [when === "always", parsed.text("platform") || undefined];
  if (!always && platform === undefined && resolveIfAny(image)) return;
  await check();
  const { pullForContainer } = await import("./missing.ts");
  await pullForContainer({ image, always, platform, quiet: parsed.bool("quiet") });
}
