// What the caller gives besides files: arguments, environment, umask. Arguments and variables are bytes;
// those that are not UTF-8, which deno can't hand over, are read as the kernel has them (ffi/bytes.ts).
//
// The one-file form keeps from deno what means something to it, and leaves the
// caller's values beside: see lib/launcher/launcher.sh, which has the same names.

import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";

const HIDDEN = "MYDOCKER_ENV_";

const KEPT_OFF = new Set(
  `HOME DENO_DIR DENO_NO_UPDATE_CHECK DENO_AUDIT_PERMISSIONS DENO_AUTH_TOKENS DENO_CONNECTED
   DENO_COVERAGE_DIR DENO_LOG DENO_LOG_LAZY_LOAD DENO_PERMISSION_BROKER_PATH DENO_SNAPSHOT_IMPORT_GRAPH
   DENO_STARTUP_PHASES DENO_TOKIO_EVENT_INTERVAL DENO_TOKIO_GLOBAL_QUEUE_INTERVAL
   DENO_TOKIO_MAX_IO_EVENTS_PER_TICK DENO_UNSTABLE_CONTROL_SOCK DENO_V8_FLAGS NODE_CHANNEL_FD
   NODE_CHANNEL_SERIALIZATION_MODE NODE_OPTIONS OTEL_DENO OTEL_DENO_CONSOLE OTEL_DENO_METRICS
   OTEL_DENO_TRACING OTEL_SDK_DISABLED SSLKEYLOGFILE`.split(/\s+/),
);

/** The words after the program's name. */
export function callerArguments(): string[] {
  const words = Deno.args;
  return words.some((word) => word.includes("\ufffd")) ? ownTexts("cmdline").slice(-words.length) : words;
}

/** The variable `name` as this process has it. */
export function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch { // it is not UTF-8
    const prefix = `${name}=`;
    return ownTexts("environ").find((entry) => entry.startsWith(prefix))?.slice(prefix.length);
  }
}

/** Of /proc/self, where a NUL ends each. */
function ownTexts(name: "cmdline" | "environ"): string[] {
  const fd = file.openat(file.AT_FDCWD, `/proc/self/${name}`, file.O_RDONLY);
  const texts = decodeName(file.readAll(fd)).split("\0").slice(0, -1);
  file.close(fd);
  return texts;
}

/** `path` from the root directory on, where it is from the current one. */
export function absolutePath(path: string): string {
  return path.startsWith("/") ? path : `${file.readlinkat(file.AT_FDCWD, "/proc/self/cwd")}/${path}`;
}

/** The value `name` had where mydocker was called, for `-e NAME`; undefined if it had none. */
export function callerEnvironment(name: string): string | undefined {
  if (name === "" || /[=\0]/.test(name)) return undefined;
  if (variable("MYDOCKER_SELF") === undefined) return variable(name);
  if (KEPT_OFF.has(name)) return variable(HIDDEN + name);
  return name === "MYDOCKER_SELF" || name.startsWith(HIDDEN) ? undefined : variable(name);
}

const OWN_UMASK = 0o022;
let callers: number | undefined;

/**
 * Gives this process and all that it starts the umask that docker's daemon has. Called once, before anything
 * is done: a mode is then what the code says, unless it lets group or others write, which needs a chmod. Not
 * 0, so that what is made without much thought, by us or by a program we start, is nobody else's to write to.
 */
export function leaveUmask(): void {
  callers ??= Deno.umask(OWN_UMASK);
}

/**
 * The permission bits of a file that is made for the caller as programs usually do, with all but execution.
 */
export function callerFileMode(): number {
  return 0o666 & ~(callers ?? OWN_UMASK);
}

/** The absolute path mydocker can be started with again. Run from the sources, that is deno: no use then. */
export function selfPath(): string {
  return variable("MYDOCKER_SELF") ?? Deno.execPath();
}
