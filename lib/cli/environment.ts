// The environment as the caller had it. The one-file form starts deno with a few variables of its own and leaves the
// caller's values beside them: see lib/launcher/launcher.sh.

const HIDDEN = "MYDOCKER_ENV_";
const CHANGED = ["DENO_DIR", "DENO_NO_UPDATE_CHECK", "HOME"];

/** The value `name` had where mydocker was called, for `-e NAME`; undefined if it had none. */
export function callerEnvironment(name: string): string | undefined {
  if (name === "" || /[=\0]/.test(name)) return undefined;
  if (!Deno.env.has("MYDOCKER_SELF")) return Deno.env.get(name);
  if (CHANGED.includes(name)) return Deno.env.get(HIDDEN + name);
  return name === "MYDOCKER_SELF" || name.startsWith(HIDDEN) ? undefined : Deno.env.get(name);
}

/** The absolute path mydocker can be started with again. Run from the sources, that is deno: no use then. */
export function selfPath(): string {
  return Deno.env.get("MYDOCKER_SELF") ?? Deno.execPath();
}
