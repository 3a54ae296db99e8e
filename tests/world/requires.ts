// What a host has that a test needs.

import { BIN } from "./box.ts";
import { debianTar } from "./images.ts";
import { find } from "./programs.ts";

/** What a test needs beyond root; `missing` says why it can't run here. */
export interface Requirements {
  missing?: string;
  /** Also skipped in CI. */
  optional?: boolean;
  /** Seconds the whole test may take. */
  seconds?: number;
}

/** Other things than programs: why they are missing. */
const FACILITIES: Record<string, () => Promise<string | undefined> | string | undefined> = {
  root: () => Deno.uid() === 0 ? undefined : "needs root",
  debian: async () => (await debianTar()).missing,
  built: () => BIN.endsWith("/mydocker") ? undefined : "needs the built ./mydocker",
};

/** Too large for tests/packages: tests that need them are skipped in CI as elsewhere. */
const NOT_INSTALLED = ["podman", "dockerd"];

/** Programs, and the package that has each. */
const PROGRAMS = new Map(NOT_INSTALLED.map((name) => [name, name]));
for (const line of Deno.readTextFileSync(new URL("../packages", import.meta.url)).split("\n")) {
  if (line.startsWith("#")) continue;
  const [package_, ...programs] = line.trim().split(/\s+/);
  for (const program of programs) PROGRAMS.set(program, package_);
}

/**
 * Looks whether the host has all of these: programs of tests/packages, or the facilities above. Any other
 * name is a mistake.
 */
export async function requires(...names: string[]): Promise<Requirements> {
  for (const name of names) {
    const missing = await whyMissing(name);
    if (missing !== undefined) return { missing, optional: NOT_INSTALLED.includes(name) };
  }
  return {};
}

function whyMissing(name: string): Promise<string | undefined> | string | undefined {
  if (name in FACILITIES) return FACILITIES[name]();
  const package_ = PROGRAMS.get(name);
  if (package_ === undefined) throw new Error(`tests/packages has no ${name}`);
  return find(name) === undefined ? `needs ${name}${package_ === name ? "" : ` of ${package_}`}` : undefined;
}

/** A test that is skipped where something is missing, with the reason in its name, and fails if CI=true. */
export function gated(
  name: string,
  { missing, optional }: Requirements,
  fn: () => Promise<void>,
): Deno.TestDefinition {
  if (missing === undefined) return { name, fn };
  const inCI = Deno.env.get("CI") === "true";
  return {
    name: `${name} (${missing})`,
    ignore: !inCI || optional === true,
    fn: () => Promise.reject(new Error(missing)),
  };
}
