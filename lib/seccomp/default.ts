// A container's default filter. It was compiled when mydocker was built, and is only adapted to the
// capabilities here.

import { CODE, GATES } from "../../.build/default_filter.ts";
import { decodeFilter } from "./encode.ts";

const SECCOMP_RET_ALLOW = 0x7fff0000;

/** The filter (struct sock_filter[]) for a container with these capabilities (numbers). */
export function defaultFilter(capabilities: number[]): Uint8Array {
  const code = decodeFilter(CODE);
  openGates(code, GATES, capabilities);
  return code;
}

/** Changes a compiled filter to allow what any of a gate's capabilities allows. */
export function openGates(code: Uint8Array, gates: [number, number[]][], capabilities: number[]): void {
  const view = new DataView(code.buffer, code.byteOffset);
  for (const [at, needed] of gates) {
    if (needed.some((number) => capabilities.includes(number))) {
      view.setUint32(8 * at + 4, SECCOMP_RET_ALLOW, true);
    }
  }
}
