// --detach-keys: the keys that take a terminal away from a container and leave the container running.

import { CommandError } from "../base/error.ts";

/** Ctrl-P Ctrl-Q */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/**
 * The bytes of keys like "ctrl-p,ctrl-q" or "a,b"; none for "", which turns detaching off. Throws
 * CommandError.
 */
export function parseDetachKeys(text: string): number[] {
  if (text === "") return [];
  return text.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key === "DEL") return 0x7f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new CommandError(`Invalid detach keys (${text}) provided`);
  });
}

/**
 * What to pass on of some input, and whether the keys were complete: then what came after them is dropped.
 */
export interface Scanned {
  pass: Uint8Array;
  detach: boolean;
}

/**
 * Looks for the keys, if there are any, in input that comes in pieces. What may become the keys is held back
 * until it can't.
 */
export function detachScanner(keys: number[]): (input: Uint8Array) => Scanned {
  let matched = 0;
  return (input) => {
    const pass: number[] = [];
    for (const byte of input) {
      if (byte !== keys[matched]) {
        pass.push(...keys.slice(0, matched));
        matched = 0;
      }
      if (byte === keys[matched]) matched++;
      else pass.push(byte);
      if (matched > 0 && matched === keys.length) return { pass: new Uint8Array(pass), detach: true };
    }
    return { pass: new Uint8Array(pass), detach: false };
  };
}
