// The name that a container has in its events: the one it has then, also where somebody renames it while a
// command is at work, or while it runs, whose keeper has the events of its end from the start.

import * as file from "../../ffi/file.ts";
import { readJson, replaceFile } from "../base/json.ts";
import { RENAMED } from "../base/frames.ts";

/** To be called once config.json has the name. */
export function noteRenamed(dir: number, name: string): void {
  replaceFile(dir, RENAMED, name);
}

/** The name of the container whose directory is `dir`; `former` is what config.json said when it was read. */
export function nameNow(dir: number, former: string): string {
  if (!file.statIfAny(dir, RENAMED)) return former;
  return readJson<{ name: string }>(dir, "config.json")?.name ?? former;
}

/** As nameNow, for whoever starts the container: from now on there is a file if it is renamed once more. */
export function forgetRenamed(dir: number, former: string): string {
  if (!file.statIfAny(dir, RENAMED)) return former;
  file.unlinkIfAny(dir, RENAMED);
  return readJson<{ name: string }>(dir, "config.json")?.name ?? former;
}
