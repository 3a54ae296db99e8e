// Programs that the kernel runs on behalf of a cgroup (bpf(2)).

import { KernelError } from "./errno.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_RDONLY, openat } from "./file.ts";
import { addressOf, raw, scratch, scratchAddress, scratchView } from "./libc.ts";
import { NR } from "./nr.ts";

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** Beside those of the groups above, all of which have to agree. */
const BPF_F_ALLOW_MULTI = 2;
/** Of union bpf_attr, as much as is filled here; the kernel takes the rest for zeros. */
const ATTR_SIZE = 72;
const LICENSE = 1024;
/** Where the verifier says what it does not like. */
const LOG = 2048;
const LOG_SIZE = 8192;

/**
 * Loads `program` (struct bpf_insn[]: u8 code, u8 registers, i16 offset, i32 constant) and has the kernel ask
 * it about every device that a process in the v2 cgroup `group` opens or makes; until the group is gone.
 * Throws KernelError.
 */
export function attachDeviceProgram(group: string, program: Uint8Array): void {
  const loaded = load(program);
  const target = openat(AT_FDCWD, group, O_RDONLY | O_DIRECTORY);
  // u32 target, program, type, flags
  scratch.fill(0, 0, ATTR_SIZE);
  [target, loaded, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI].forEach((word, index) =>
    scratchView.setUint32(4 * index, word, true)
  );
  const result = raw(NR.bpf, BPF_PROG_ATTACH, scratchAddress, ATTR_SIZE);
  for (const fd of [target, loaded]) close(fd);
  if (result < 0) throw new KernelError("bpf", `device rules of ${group}`, -result);
}

function load(program: Uint8Array): number {
  scratch.fill(0, 0, LOG + 1);
  // u32 type, instructions; u64 address, license; u32 log level, log size; u64 log
  scratchView.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  scratchView.setUint32(4, program.length / 8, true);
  scratchView.setBigUint64(8, BigInt(addressOf(program)), true);
  scratchView.setBigUint64(16, BigInt(scratchAddress + LICENSE), true);
  scratchView.setUint32(24, 1, true);
  scratchView.setUint32(28, LOG_SIZE, true);
  scratchView.setBigUint64(32, BigInt(scratchAddress + LOG), true);
  scratch.set(new TextEncoder().encode("GPL\0"), LICENSE);
  const result = raw(NR.bpf, BPF_PROG_LOAD, scratchAddress, ATTR_SIZE);
  if (result >= 0) return result;
  const log = new TextDecoder().decode(scratch.subarray(LOG, scratch.indexOf(0, LOG))).trim();
  throw new KernelError("bpf", "device rules", -result, log || undefined);
}
