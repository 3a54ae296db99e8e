// The environment of a container's process.

import type { ContainerConfig } from "../model/container.ts";
import type { Identity } from "../keeper/plan.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * PATH, HOSTNAME, TERM with a terminal, the image's and the user's variables, those of `more`, HOME: in
 * docker's order. A name alone in `more` takes that variable away.
 */
export function processEnvironment(
  config: ContainerConfig,
  identity: Identity,
  tty = config.tty,
  more: string[] = [],
): string[] {
  const variables = new Map<string, string>([["PATH", DEFAULT_PATH], ["HOSTNAME", config.hostname]]);
  if (tty) variables.set("TERM", "xterm");
  for (const entry of [...config.process.Env ?? [], ...more]) {
    const equals = entry.indexOf("=");
    if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1));
    else variables.delete(entry);
  }
  if (!variables.get("HOME")) {
    variables.delete("HOME");
    variables.set("HOME", identity.home);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}
