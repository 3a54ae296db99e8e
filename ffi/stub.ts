// The stub's machine code. Made from stub_x86_64.S and stub_aarch64.S, which say what it does; `make check`
// assembles them again and compares.

import type { Architecture } from "./nr.ts";

const code = {
  x86_64: [
    "41bc00002000498d5c2418488b7b10f64308017403488b3f488b7318f64308027403488b36488b5320f6430804740348",
    "8b124c8b5328f643080874034d8b124c8b4330f643081074034d8b004c8b4b38f643082074034d8b09488b034885c078",
    "490f05488b4b404885c97403488901488d5360488b4b584885c078087518488b4b50eb1249891c244989442408498b54",
    "2410488b4b484889cb4885db0f8569ffffff4889d3e961ffffff4889f84829f0ebb1",
  ],
  aarch64: [
    "1404a0d293620091690640f9600641a9620e42a9641643a949000036000040f949000836210040f949001036420040f9",
    "49001836630040f949002036840040f949002836a50040f9680240f94802f8b7010000d4692240f9490000b4200100f9",
    "6a820191692e40f98000f8b7c00000b5692a40f904000014930200a98a0a40f9692640f9f30309aa13fcffb5f3030aaa",
    "deffff17000001cbefffff17",
  ],
};

/** The machine code for an architecture, entered at its first byte. */
export function stubCode(arch: Architecture): Uint8Array {
  const digits = code[arch].join("");
  // Costs a tenth where a program does it once; older releases of Deno lack it.
  if (Uint8Array.fromHex) return Uint8Array.fromHex(digits);
  return Uint8Array.from(digits.match(/../g)!, (byte) => parseInt(byte, 16));
}
