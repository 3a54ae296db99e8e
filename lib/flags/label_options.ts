// --label and --label-file.

import type { Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import { keyValue } from "./pairs.ts";

/** The values of these flags. */
export interface LabelOptions {
  /** Paths of files, whose labels the others override. */
  files: string[];
  labels: [key: string, value: string][];
}

/** Throws Refusal for a label without a key. */
export function labelOptions(parsed: Parsed): LabelOptions {
  return { files: parsed.list("label-file"), labels: parsed.list("label").map(parseLabel) };
}

/** "KEY=value", or "KEY". Throws Refusal where there is no key. */
export function parseLabel(label: string): [key: string, value: string] {
  const [key, value] = keyValue(label);
  if (key === "") throw new Refusal(`invalid label: ${label}`);
  return [key, value];
}
