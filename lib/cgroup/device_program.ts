// cgroup v2's device rules: a BPF program that the kernel runs whenever a process of the group opens or makes
// a device. https://docs.kernel.org/bpf/prog_cgroup_sockopt.html explains the idea, include/uapi/linux/bpf.h
// the structures.

import { attachDeviceProgram } from "../../ffi/bpf.ts";
import type { DeviceRule } from "./types.ts";

/** Eight bytes: code, registers (source << 4 | destination), a jump's offset, a constant. */
interface Instruction {
  code: number;
  to?: number;
  from?: number;
  offset?: number;
  value?: number;
}

/** Operation codes, BPF_CLASS | BPF_SIZE or BPF_OP | BPF_K or BPF_X. */
const OP = {
  load32: 0x61,
  copy: 0xbf,
  set: 0xb7,
  and32: 0x54,
  shiftRight32: 0x74,
  jumpUnless: 0x55,
  exit: 0x95,
};
/** Registers: the result, the given context, and the parts of the request. */
const [RESULT, CONTEXT, TYPE, ACCESS, MAJOR, MINOR, REST] = [0, 1, 2, 3, 4, 5, 0];
/**
 * BPF_DEVCG_DEV_ and BPF_DEVCG_ACC_: the lower half of the context's first word is the type, the upper half
 * the access.
 */
const TYPES = { b: 1, c: 2 };
const ACCESSES: Record<string, number> = { m: 1, r: 2, w: 4 };
const ALL = 7;

/** The program for these rules. It returns 1 if one rule allows all that is requested, and 0 if none does. */
function deviceProgram(rules: DeviceRule[]): Uint8Array {
  const code: Instruction[] = [
    { code: OP.load32, to: TYPE, from: CONTEXT, offset: 0 },
    { code: OP.copy, to: ACCESS, from: TYPE },
    { code: OP.and32, to: TYPE, value: 0xffff },
    { code: OP.shiftRight32, to: ACCESS, value: 16 },
    { code: OP.load32, to: MAJOR, from: CONTEXT, offset: 4 },
    { code: OP.load32, to: MINOR, from: CONTEXT, offset: 8 },
    ...rules.flatMap(ruleCode),
    ...answer(0),
  ];
  const bytes = new Uint8Array(8 * code.length);
  const view = new DataView(bytes.buffer);
  code.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
    bytes.set([code, from << 4 | to], 8 * index);
    view.setInt16(8 * index + 2, offset, true);
    view.setInt32(8 * index + 4, value, true);
  });
  return bytes;
}

const answer = (value: number): Instruction[] => [{ code: OP.set, to: RESULT, value }, { code: OP.exit }];

/** Tests that jump past the answer as soon as one fails. */
function ruleCode({ type, major, minor, access }: DeviceRule): Instruction[] {
  const tests: [register: number, value: number | undefined][] = [
    [TYPE, type === "a" ? undefined : TYPES[type]],
    [MAJOR, major],
    [MINOR, minor],
  ];
  const code: Instruction[] = tests.filter(([, value]) => value !== undefined)
    .map(([to, value]) => ({ code: OP.jumpUnless, to, value }));
  const allowed = [...access].reduce((mask, letter) => mask | ACCESSES[letter], 0);
  if (allowed !== ALL) {
    code.push(
      { code: OP.copy, to: REST, from: ACCESS },
      { code: OP.and32, to: REST, value: ALL & ~allowed },
      { code: OP.jumpUnless, to: REST, value: 0 },
    );
  }
  code.push(...answer(1));
  return code.map((one, index) =>
    one.code === OP.jumpUnless ? { ...one, offset: code.length - index - 1 } : one
  );
}

/**
 * Loads the program for these rules and attaches it to the group until that is removed. Throws KernelError.
 */
export function loadDeviceProgram(group: string, rules: DeviceRule[]): void {
  attachDeviceProgram(group, deviceProgram(rules));
}
