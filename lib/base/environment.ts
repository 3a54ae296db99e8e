// The caller's arguments, environment and umask. Arguments and variables are bytes. Those that are not UTF-8,
// which deno can't represent, are read from /proc (ffi/bytes.ts).
//
// The one-file form hides variables from deno that would affect it, and keeps the caller's values beside: see
// lib/launcher/launcher.sh, which has the same names.

import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";

const HIDDEN = "MYDOCKER_ENV_";

const KEPT_OFF = `HOME DENO_DIR DENO_NO_UPDATE_CHECK DENO_AUDIT_PERMISSIONS DENO_AUTH_TOKENS DENO_CONNECTED
   DENO_COVERAGE_DIR DENO_LOG DENO_LOG_LAZY_LOAD DENO_PERMISSION_BROKER_PATH DENO_SNAPSHOT_IMPORT_GRAPH
   DENO_STARTUP_PHASES DENO_TOKIO_EVENT_INTERVAL DENO_TOKIO_GLOBAL_QUEUE_INTERVAL
   DENO_TOKIO_MAX_IO_EVENTS_PER_TICK DENO_UNSTABLE_CONTROL_SOCK DENO_V8_FLAGS NODE_CHANNEL_FD
   NODE_CHANNEL_SERIALIZATION_MODE NODE_OPTIONS OTEL_DENO OTEL_DENO_CONSOLE OTEL_DENO_METRICS
   OTEL_DENO_TRACING OTEL_SDK_DISABLED SSLKEYLOGFILE`;

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

/** The strings in a file of /proc/self, each of which a NUL ends. */
function ownTexts(name: "cmdline" | "environ"): string[] {
  const fd = file.openat(file.AT_FDCWD, `/proc/self/${name}`, file.O_RDONLY);
  const texts = decodeName(file.readAll(fd)).split("\0").slice(0, -1);
  file.close(fd);
  return texts;
}

/** `path` made absolute; relative paths are relative to the current directory. */
export function absolutePath(path: string): string {
  return path.startsWith("/") ? path : `${file.readlinkat(file.AT_FDCWD, "/proc/self/cwd")}/${path}`;
}

/** The value of `name` in the caller's environment, for `-e NAME`; undefined if unset. */
export function callerEnvironment(name: string): string | undefined {
  if (name === "" || /[=\0]/.test(name)) return undefined;
  if (variable("MYDOCKER_SELF") === undefined) return variable(name);
  if (KEPT_OFF.split(/\s+/).includes(name)) return variable(HIDDEN + name);
  return name === "MYDOCKER_SELF" || name.startsWith(HIDDEN) ? undefined : variable(name);
}

const OWN_UMASK = 0o022;
let callers: number | undefined;

/**
 * Sets the umask of docker's daemon for this process and all that it starts. It is called once, before
 * anything else. The mode of a new file is then the one in the code, unless group or others may write, which
 * needs a chmod. The umask is not 0, so that a file made carelessly, by us or by a program that we start, is
 * writable by nobody else.
 */
export function leaveUmask(): void {
  callers ??= Deno.umask(OWN_UMASK);
}

/**
 * The permission bits of a file made for the caller: as programs usually make them, under the caller's umask,
 * without execution.
 */
export function callerFileMode(): number {
  return 0o666 & ~(callers ?? OWN_UMASK);
}

/**
 * The absolute path by which mydocker can be started again. It is deno, and useless, when run from the
 * sources.
 */
export function selfPath(): string {
  return variable("MYDOCKER_SELF") ?? Deno.execPath();
}
