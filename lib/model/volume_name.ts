// Valid names of volumes.

import { Failure } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";

/** Whether a volume may have this name. Such a name can't lead out of the volumes' directory. */
export function isVolumeName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name) && name.length <= 255;
}

/** Throws a Failure, in docker's words, for an invalid name. */
export function checkVolumeName(name: string): void {
  if (isVolumeName(name)) return;
  let problem = `${goQuote(name)} includes invalid characters for a local volume name, only ` +
    `"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
  if (name.length === 1) {
    problem = "volume name is too short, names should be at least two alphanumeric characters";
  } else if (name.length > 255) problem = "volume name is too long, 255 characters are the most";
  throw new Failure(`create ${name}: ${problem}`);
}
