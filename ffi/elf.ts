// Makes an executable of a kernel program: a static ELF file (elf(5)) that exists only as a memfd.

import { EACCES, EINVAL, MFD_CLOEXEC } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { close, pwrite } from "./file.ts";
import { encodeNameInto } from "./bytes.ts";
import { raw, scratch, scratchAddress } from "./libc.ts";
import { type Architecture, NR } from "./nr.ts";
import { type Assembled, MEMORY } from "./program.ts";
import { stubCode } from "./stub.ts";

/**
 * Largest page size of the architectures: a segment's file offset and address must agree modulo the page
 * size.
 */
const ALIGN = 0x10000;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const [X, W, R] = [1, 2, 4];

const align = (size: number) => Math.ceil(size / ALIGN) * ALIGN;
const dataAt = ({ steps }: Assembled) => ALIGN + align(steps.length);
const stringsAt = (program: Assembled) => dataAt(program) + align(program.data.length);

/** ELF header and program headers; the stub follows them in the first segment. */
function header(program: Assembled, codeSize: number, architecture: Architecture): Uint8Array {
  const segments = [
    [PT_LOAD, R | X, 0, MEMORY.text, 0, 0],
    [PT_LOAD, R | W, ALIGN, MEMORY.steps, program.steps.length, program.steps.length],
    [PT_LOAD, R | W, dataAt(program), MEMORY.data, program.data.length, program.data.length],
    [PT_LOAD, R | W, 0, MEMORY.zeroed, 0, program.zeroedSize],
    [PT_LOAD, R | W, stringsAt(program), MEMORY.strings, program.strings.length, program.strings.length],
    [PT_GNU_STACK, R | W, 0, 0, 0, 0],
  ].filter(([type, , , , , size], index) => type !== PT_LOAD || index === 0 || size > 0);
  const size = 64 + 56 * segments.length;
  segments[0][4] = segments[0][5] = size + codeSize;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bits, little endian, version 1
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, architecture === "aarch64" ? 183 : 62, true); // machine
  view.setUint32(20, 1, true);
  view.setUint32(24, MEMORY.text + size, true); // entry: the stub
  view.setUint32(32, 64, true); // program headers' offset
  view.setUint16(52, 64, true); // header size
  view.setUint16(54, 56, true); // program header size
  view.setUint16(56, segments.length, true);
  segments.forEach(([type, flags, offset, address, fileSize, memorySize], index) => {
    const at = 64 + 56 * index;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    view.setUint32(at + 8, offset, true);
    view.setUint32(at + 16, address, true);
    view.setUint32(at + 24, address, true);
    view.setUint32(at + 32, fileSize, true);
    view.setUint32(at + 40, memorySize, true);
    view.setUint32(at + 48, ALIGN, true);
  });
  return bytes;
}

/** The parts of the file with their offsets; what is between them is zero. */
export function elfParts(
  program: Assembled,
  architecture: Architecture = Deno.build.arch,
): [number, Uint8Array][] {
  const code = stubCode(architecture);
  const head = header(program, code.length, architecture);
  return [
    [0, head],
    [head.length, code],
    [ALIGN, program.steps],
    [dataAt(program), program.data],
    [stringsAt(program), program.strings],
  ];
}

/**
 * A sealed memfd holding the program as an executable. Sealed, so that nobody who comes to see it through
 * /proc/PID/exe can change it (CVE-2019-5736); and it is no file of the host's in the first place.
 */
export function executable(program: Assembled): number {
  const fd = memfd("mydocker", true);
  try {
    for (const [offset, part] of elfParts(program)) pwrite(fd, part, offset);
    const F_ADD_SEALS = 1033;
    const result = raw(NR.fcntl, fd, F_ADD_SEALS, 0xf); // seal, shrink, grow, write
    if (result < 0) throw new KernelError("fcntl", "F_ADD_SEALS", -result);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A file in memory, without a name in any directory (memfd_create(2)); close-on-exec. */
export function memfd(name: string, executable = false): number {
  const [MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC] = [2, 8, 0x10];
  encodeNameInto(name, scratch, 0);
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = raw(NR.memfd_create, scratchAddress, flags | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
  // Before Linux 6.3 every memfd may be executed.
  if (fd === -EINVAL) fd = raw(NR.memfd_create, scratchAddress, flags);
  if (fd < 0) {
    throw new KernelError(
      "memfd_create",
      name,
      -fd,
      fd === -EACCES ? "sysctl vm.memfd_noexec must be below 2" : undefined,
    );
  }
  return fd;
}
