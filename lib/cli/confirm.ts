// Asks for confirmation before something is removed.

import { print } from "../base/output.ts";

/** Shows `warning` and asks whether to go on. Only "y" on stdin means yes. */
export function confirm(warning: string): boolean {
  print(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  return readLine().trim().toLowerCase() === "y";
}

/** Reads byte by byte, because what follows the line is not for this command. */
function readLine(): string {
  let line = "";
  const byte = new Uint8Array(1);
  while (Deno.stdin.readSync(byte) === 1 && byte[0] !== 10) line += String.fromCharCode(byte[0]);
  return line;
}
