// --detach-keys: the keys that detach a terminal and leave the container running.

import { Failure } from "../base/error.ts";

/** Ctrl-P Ctrl-Q */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/**
 * The bytes of keys like "ctrl-p,ctrl-q" or "a,b"; none for "", which turns detaching off. Throws
 * Failure.
 */
export function parseDetachKeys(text: string): number[] {
  if (text === "") return [];
  return text.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key === "DEL") return 0x7f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new Failure(`Invalid detach keys (${text}) provided`);
  });
}
