// The name of a container in its events. It is the present name, even if somebody renames the container while
// a command works on it, or while it runs. The keeper's events were written at the start, with the name of
// that time.

import * as file from "../../ffi/file.ts";
import { readJson, replaceFile } from "../base/json.ts";
import { RENAMED } from "../base/frames.ts";

/** Records a new name, once config.json has it. */
export function noteRenamed(dir: number, name: string): void {
  replaceFile(dir, RENAMED, name);
}

/**
 * The present name of the container whose directory is `dir`; `former` is the name in config.json when it was
 * read.
 */
export function nameNow(dir: number, former: string): string {
  if (!file.statIfAny(dir, RENAMED)) return former;
  return readJson<{ name: string }>(dir, "config.json")?.name ?? former;
}

/**
 * Like nameNow, when a container is started: removes the record, which is written again at the next rename.
 */
export function forgetRenamed(dir: number, former: string): string {
  if (!file.statIfAny(dir, RENAMED)) return former;
  file.unlinkIfAny(dir, RENAMED);
  return readJson<{ name: string }>(dir, "config.json")?.name ?? former;
}
