// The question before something is taken away.

import { print } from "../base/output.ts";

/** Shows `warning` and asks whether to go on; only "y" on stdin is a yes, and no answer is a no. */
export function confirm(warning: string): boolean {
  print(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  return readLine().trim().toLowerCase() === "y";
}

/** Byte by byte: what follows the line is not for this command. */
function readLine(): string {
  let line = "";
  const byte = new Uint8Array(1);
  while (Deno.stdin.readSync(byte) === 1 && byte[0] !== 10) line += String.fromCharCode(byte[0]);
  return line;
}
