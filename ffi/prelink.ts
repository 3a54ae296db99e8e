// Does in a program's file what the dynamic loader would do at each of its starts: a position-independent
// executable (ELF, elf(5)) gets a fixed address, and the addresses in its tables are written out. The loader
// then doesn't write to those pages, so the kernel needn't copy them: 3 to 5 ms of a start of deno's.

/**
 * Where the program is put: above what the kernel keeps free (vm.mmap_min_addr), a multiple of any page size,
 * and far below all that the kernel places by itself (stack, libraries and mappings are in the upper half).
 */
export const BASE = 0x10000000;

const HEADER = {
  type: 16,
  machine: 18,
  entry: 24,
  segments: 32,
  sections: 40,
  segmentCount: 56,
  sectionCount: 60,
};
const ET_EXEC = 2;
const ET_DYN = 3;
const [PT_LOAD, PT_DYNAMIC, PT_INTERP] = [1, 2, 3];
const [SHT_RELA, SHT_DYNSYM] = [4, 11];
const SHF_ALLOC = 2;
const STT_TLS = 6;
const [SHN_UNDEF, SHN_LORESERVE] = [0, 0xff00];
const [SEGMENT_SIZE, SECTION_SIZE, SYMBOL_SIZE, RELOCATION_SIZE] = [56, 64, 24, 24];

/** Tags of the dynamic section's entries whose values are addresses. */
const ADDRESSES = {
  PLTGOT: 3,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  INIT: 12,
  FINI: 13,
  JMPREL: 23,
  INIT_ARRAY: 25,
  FINI_ARRAY: 26,
  PREINIT_ARRAY: 32,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
  VERDEF: 0x6ffffffc,
  VERNEED: 0x6ffffffe,
};
/** Tags of those that are none: names, sizes, counts and flags. */
const NO_ADDRESSES = {
  NEEDED: 1,
  PLTRELSZ: 2,
  RELASZ: 8,
  RELAENT: 9,
  STRSZ: 10,
  SYMENT: 11,
  SONAME: 14,
  RPATH: 15,
  SYMBOLIC: 16,
  PLTREL: 20,
  DEBUG: 21,
  BIND_NOW: 24,
  INIT_ARRAYSZ: 27,
  FINI_ARRAYSZ: 28,
  RUNPATH: 29,
  FLAGS: 30,
  PREINIT_ARRAYSZ: 33,
  RELACOUNT: 0x6ffffff9,
  FLAGS_1: 0x6ffffffb,
  VERDEFNUM: 0x6ffffffd,
  VERNEEDNUM: 0x6fffffff,
  AARCH64_BTI_PLT: 0x70000001,
  AARCH64_PAC_PLT: 0x70000003,
};
const DT = { ...ADDRESSES, ...NO_ADDRESSES };
const isAddress = (tag: number) => Object.values(ADDRESSES).includes(tag);
const isKnown = (tag: number) => Object.values(DT).includes(tag);
const [DF_1_NOW, DF_1_PIE] = [1, 0x08000000];

/** Types of relocations, by machine: base and addend; those that need a symbol the loader finds. */
const RELOCATIONS: Record<number, { relative: number; symbolic: number[] }> = {
  62: { relative: 8, symbolic: [1, 6, 7] }, // R_X86_64_RELATIVE; _64, _GLOB_DAT, _JUMP_SLOT
  183: { relative: 1027, symbolic: [257, 1025, 1026] }, // R_AARCH64_RELATIVE; _ABS64, _GLOB_DAT, _JUMP_SLOT
};

/** Says what about a file isn't as prelink() expects it. */
export class OtherForm extends Error {}

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new OtherForm(what);
}

/** A file's 64-bit words. Addresses and sizes are well below 2^53; what is not is an OtherForm. */
class Words extends DataView<ArrayBuffer> {
  word(at: number): number {
    return this.getUint32(at + 4, true) * 2 ** 32 + this.getUint32(at, true);
  }
  setWord(at: number, value: number): void {
    this.setUint32(at, value >>> 0, true);
    this.setUint32(at + 4, value / 2 ** 32, true);
  }
  move(at: number): void {
    this.setWord(at, this.word(at) + BASE);
  }
}

interface Segment {
  /** Of its header in the file. */
  at: number;
  type: number;
  offset: number;
  address: number;
  fileSize: number;
}

/**
 * Changes the executable in `bytes`. Throws OtherForm where it is not what linkers make of deno for x86_64 or
 * aarch64: whatever this function doesn't know might be wrong at another address. `bytes` are of no use then.
 */
export function prelink(bytes: Uint8Array<ArrayBuffer>): void {
  const file = new Words(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    prelinkWords(file);
  } catch (error) {
    throw error instanceof RangeError ? new OtherForm("cut short") : error;
  }
}

function prelinkWords(file: Words): void {
  expect(file.getUint32(0) === 0x7f454c46 && file.getUint16(4) === 0x0201, "no 64-bit little-endian ELF");
  expect(file.getUint16(HEADER.type, true) === ET_DYN, "no position-independent executable");
  const relocations = RELOCATIONS[file.getUint16(HEADER.machine, true)];
  expect(relocations !== undefined, "another machine's");
  const segments = segmentsOf(file);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  expect(dynamic !== undefined && segments.some(({ type }) => type === PT_INTERP), "not dynamically linked");

  const offsetOf = (address: number): number => {
    const home = segments.find(({ type, address: start, fileSize }) =>
      type === PT_LOAD && address >= start && address + 8 <= start + fileSize
    );
    expect(home !== undefined, "an address outside of the file");
    return address - home.address + home.offset;
  };
  const entries = dynamicEntries(file, dynamic);
  const valueOf = (tag: number): number => {
    expect(entries.has(tag), `no entry ${tag} in the dynamic section`);
    return file.word(entries.get(tag)!);
  };
  const flags = valueOf(DT.FLAGS_1);
  expect((flags & DF_1_PIE) !== 0 && (flags & DF_1_NOW) !== 0, "lazily bound, or a library");

  const count = valueOf(DT.RELACOUNT);
  const relative = { at: offsetOf(valueOf(DT.RELA)), size: count * RELOCATION_SIZE };
  const rest = { at: relative.at + relative.size, size: valueOf(DT.RELASZ) - relative.size };
  applyRelative(file, relative, relocations.relative, offsetOf);
  moveRelocations(file, rest, relocations.symbolic);
  if (entries.has(DT.JMPREL)) {
    const table = { at: offsetOf(valueOf(DT.JMPREL)), size: valueOf(DT.PLTRELSZ) };
    moveRelocations(file, table, relocations.symbolic);
  }
  moveSymbols(file, valueOf(DT.SYMTAB));
  moveSections(file, valueOf(DT.RELA), relative.size);
  file.setWord(entries.get(DT.RELA)!, valueOf(DT.RELA) + relative.size);
  file.setWord(entries.get(DT.RELASZ)!, rest.size);
  file.setWord(entries.get(DT.RELACOUNT)!, 0);
  file.setWord(entries.get(DT.FLAGS_1)!, flags - DF_1_PIE);
  for (const [tag, at] of entries) if (isAddress(tag)) file.move(at);
  moveHeaders(file, segments);
}

function segmentsOf(file: Words): Segment[] {
  const start = file.word(HEADER.segments);
  return Array.from({ length: file.getUint16(HEADER.segmentCount, true) }, (_, n) => {
    const at = start + n * SEGMENT_SIZE;
    expect(BASE % (file.word(at + 48) || 1) === 0, "segments are aligned to more than the address is");
    const [type, offset, address] = [file.getUint32(at, true), file.word(at + 8), file.word(at + 16)];
    return { at, type, offset, address, fileSize: file.word(at + 32) };
  });
}

/** Where in the file the value of each entry is, by its tag. */
function dynamicEntries(file: Words, { offset, fileSize }: Segment): Map<number, number> {
  const entries = new Map<number, number>();
  for (let at = offset; at < offset + fileSize; at += 16) {
    const tag = file.word(at);
    if (tag === 0) break;
    expect(isKnown(tag), `entry ${tag} in the dynamic section`);
    entries.set(tag, at + 8);
  }
  return entries;
}

interface Table {
  at: number;
  size: number;
}

function applyRelative(
  file: Words,
  { at: start, size }: Table,
  relative: number,
  offsetOf: (address: number) => number,
) {
  for (let at = start; at < start + size; at += RELOCATION_SIZE) {
    expect(file.word(at + 8) === relative, "other relocations among the relative ones");
    file.setWord(offsetOf(file.word(at)), file.word(at + 16) + BASE);
  }
}

/** What the loader still has to do, at the places' new addresses. */
function moveRelocations(file: Words, { at: start, size }: Table, symbolic: number[]): void {
  for (let at = start; at < start + size; at += RELOCATION_SIZE) {
    const type = file.getUint32(at + 8, true);
    expect(symbolic.includes(type), `a relocation of type ${type}`);
    file.move(at);
  }
}

function sectionsOf(file: Words): number[] {
  const start = file.word(HEADER.sections);
  return Array.from(
    { length: file.getUint16(HEADER.sectionCount, true) },
    (_, n) => start + n * SECTION_SIZE,
  );
}

function moveSymbols(file: Words, address: number): void {
  const table = sectionsOf(file).find((at) => file.getUint32(at + 4, true) === SHT_DYNSYM);
  expect(table !== undefined && file.word(table + 16) === address, "no section for dynamic symbols");
  const [start, size] = [file.word(table + 24), file.word(table + 32)];
  for (let at = start; at < start + size; at += SYMBOL_SIZE) {
    const section = file.getUint16(at + 6, true);
    if (section === SHN_UNDEF) expect(file.word(at + 8) === 0, "an address for what is defined elsewhere");
    else if (section < SHN_LORESERVE && (file.getUint8(at + 4) & 0xf) !== STT_TLS) file.move(at + 8);
  }
}

function moveHeaders(file: Words, segments: Segment[]): void {
  for (const { at, address } of segments) {
    if (address === 0 && file.word(at + 40) === 0) continue; // PT_GNU_STACK has no place
    file.move(at + 16);
    file.move(at + 24);
  }
  file.move(HEADER.entry);
  file.setUint16(HEADER.type, ET_EXEC, true);
}

/** Only tools look at the sections. `done` bytes of the table of relocations are not needed any more. */
function moveSections(file: Words, relocations: number, done: number): void {
  for (const at of sectionsOf(file)) {
    if (file.word(at + 16) === relocations && file.getUint32(at + 4, true) === SHT_RELA) {
      for (const field of [16, 24]) file.setWord(at + field, file.word(at + field) + done); // address, offset
      file.setWord(at + 32, file.word(at + 32) - done);
    }
    if ((file.word(at + 8) & SHF_ALLOC) !== 0) file.move(at + 16);
  }
}

// PROGRAM NEW: writes PROGRAM, prelinked, to NEW, as launcher.sh wants it. Deno's functions for whole files
// copy them, which is much for a hundred megabytes.
if (import.meta.main) {
  using program = Deno.openSync(Deno.args[0]);
  const bytes = new Uint8Array(program.statSync().size);
  for (let at = 0; at < bytes.length;) at += program.readSync(bytes.subarray(at)) ?? Infinity;
  prelink(bytes);
  using changed = Deno.openSync(Deno.args[1], { createNew: true, write: true, mode: 0o755 });
  for (let at = 0; at < bytes.length;) at += changed.writeSync(bytes.subarray(at));
}
