// The verdicts of a filter, from the kernel that runs it.

import { outputOf } from "../world/busy.ts";
import { elfParts } from "../../ffi/elf.ts";
import { NR, type SyscallName } from "../../ffi/nr.ts";
import { newProgram, type Program } from "../../ffi/program.ts";

/** In the sixth argument of a call that is asked about; no condition looks there. */
const MAGIC = 0x5ec0;
/** What a call that the filter allows ends with, instead of being done. */
const ALLOWED = 999;

/** What to ask about: a number and its first five arguments. */
export type Probe = [number: number, ...args: number[]];

/**
 * Answers every call with MAGIC with an errno, at a lower rank than a filter that is installed later: of two
 * errnos the newer filter's counts (seccomp(2)).
 */
const HARMLESS: [number, number, number, number][] = [
  [0x20, 0, 0, 16 + 8 * 5],
  [0x15, 0, 1, MAGIC],
  [0x06, 0, 0, 0x00050000 | ALLOWED],
  [0x06, 0, 0, 0x7fff0000],
];

function instructions(list: typeof HARMLESS): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * list.length));
  list.forEach(([code, jt, jf, k], index) => {
    view.setUint16(8 * index, code, true);
    view.setUint8(8 * index + 2, jt);
    view.setUint8(8 * index + 3, jf);
    view.setUint32(8 * index + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}

function install(p: Program, filter: Uint8Array): void {
  p.call("seccomp", [1, 0, p.words([filter.length / 8, p.bytes(filter)])]);
}

/** "allowed", or the errno of the refusal. */
export type Answer = "allowed" | number;

const answer = (result: number): Answer => result === -ALLOWED ? "allowed" : -result;

/** Runs a program under both filters; its output. Throws where it fails. */
function runUnder(filter: Uint8Array, numbers: typeof NR, write: (p: Program) => void): Uint8Array {
  const p = newProgram(numbers);
  const failed = p.label();
  p.onFailure(failed);
  install(p, instructions(HARMLESS));
  install(p, filter);
  write(p);
  p.place(failed);
  p.call("exit_group", [1]);
  const path = Deno.makeTempFileSync({ prefix: "mydocker-seccomp-" });
  try {
    writeExecutable(path, elfParts(p.assemble()));
    const { code, stdout } = outputOf(path, {});
    if (code !== 0) throw new Error(`the probe ended with ${code}`);
    return stdout;
  } finally {
    Deno.removeSync(path);
  }
}

/** Makes an executable of a program, to be run anywhere; its failures end it with 1. */
export function makeProgram(
  path: string,
  numbers: Record<string, number>,
  write: (p: Program) => void,
): void {
  const p = newProgram({ ...NR, ...numbers });
  const failed = p.label();
  p.onFailure(failed);
  write(p);
  p.call("exit_group", [0]);
  p.place(failed);
  p.call("exit_group", [1]);
  Deno.writeFileSync(path, new Uint8Array());
  writeExecutable(path, elfParts(p.assemble()));
}

/**
 * The results of these calls, each a number with its arguments, made by an executable that writes them to
 * stdout.
 */
export function makeCaller(path: string, calls: Probe[]): void {
  const names = calls.map((_, index) => `call ${index}`);
  const numbers = Object.fromEntries(calls.map(([number], index) => [names[index], number]));
  makeProgram(path, numbers, (p) => {
    const results = p.reserve(8 * calls.length);
    calls.forEach(([, ...args], index) => {
      const next = p.label();
      p.call(names[index] as SyscallName, args, { store: { address: results + 8 * index }, negative: next });
      p.place(next);
    });
    p.call("write", [1, results, 8 * calls.length]);
  });
}

/** What such an executable wrote. */
export function results(output: Uint8Array): number[] {
  return [...new BigInt64Array(output.slice().buffer)].map(Number);
}

function writeExecutable(path: string, parts: [number, Uint8Array][]): void {
  using file = Deno.openSync(path, { write: true });
  for (const [offset, part] of parts) {
    file.seekSync(offset, Deno.SeekMode.Start);
    file.writeSync(part);
  }
  Deno.chmodSync(path, 0o755);
}

/** What the filter answers this machine's own calls, and x32's. */
export function probe(filter: Uint8Array, probes: Probe[]): Answer[] {
  const names = probes.map((_, index) => `probe ${index}`);
  const numbers = { ...NR, ...Object.fromEntries(probes.map(([number], index) => [names[index], number])) };
  const output = runUnder(filter, numbers, (p) => {
    const results = p.reserve(8 * probes.length);
    probes.forEach(([, ...args], index) => {
      const next = p.label();
      const all = [...args, 0, 0, 0, 0, 0].slice(0, 5);
      const store = { address: results + 8 * index };
      p.call(names[index] as SyscallName, [...all, MAGIC], { store, negative: next });
      p.place(next);
    });
    p.call("write", [1, results, 8 * probes.length]);
    p.call("exit_group", [0]);
  });
  return [...new BigInt64Array(output.slice().buffer)].map((result) => answer(Number(result)));
}

/**
 * What the filter answers 32-bit x86's calls from 0 to `count`, without arguments: the program executes
 * another one, whose machine code makes them by int 0x80.
 */
export function probe32(filter: Uint8Array, count: number): Answer[] {
  const buffer = 0x600000;
  const code = [
    ...[0x45, 0x31, 0xe4], //                                   xor r12d, r12d
    ...[0x41, 0xbd, ...word(buffer)], //                        mov r13d, buffer
    ...[0x44, 0x89, 0xe0], //                                   loop: mov eax, r12d
    // xor ebx, ecx, edx, esi, edi with themselves
    ...[0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff],
    ...[0xbd, ...word(MAGIC)], //                               mov ebp, MAGIC
    ...[0xcd, 0x80], //                                         int 0x80
    ...[0x43, 0x89, 0x44, 0xa5, 0x00], //                       mov [r13 + 4 * r12], eax
    ...[0x41, 0xff, 0xc4], //                                   inc r12d
    ...[0x41, 0x81, 0xfc, ...word(count)], //                   cmp r12d, count
    ...[0x75, 0xdb], //                                         jne loop
    // write
    ...[0xb8, ...word(1), 0xbf, ...word(1), 0xbe, ...word(buffer), 0xba, ...word(4 * count), 0x0f, 0x05],
    ...[0xb8, ...word(231), 0x31, 0xff, 0x0f, 0x05], //         exit_group(0)
  ];
  const path = Deno.makeTempFileSync({ prefix: "mydocker-seccomp32-" });
  try {
    writeExecutable(path, [[0, executable(code, buffer, 4 * count)]]);
    const output = runUnder(filter, NR, (p) => {
      p.call("execve", [p.string(path), p.strings([path]), p.strings([])]);
    });
    return [...new Int32Array(output.slice().buffer)].map(answer);
  } finally {
    Deno.removeSync(path);
  }
}

const word = (value: number) => [...new Uint8Array(new Uint32Array([value]).buffer)];

/** A static ELF file of 64 bits: code, and memory for its results. */
function executable(code: number[], buffer: number, size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(64 + 2 * 56 + code.length));
  const bytes = new Uint8Array(view.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, 0x400000 + 64 + 2 * 56, true);
  view.setUint32(32, 64, true);
  [64, 56, 2].forEach((value, index) => view.setUint16(52 + 2 * index, value, true));
  const segments = [[5, 0, 0x400000, bytes.length, bytes.length], [6, 0, buffer, 0, size]];
  segments.forEach(([flags, offset, address, fileSize, memorySize], index) => {
    const at = 64 + 56 * index;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, flags, true);
    view.setUint32(at + 8, offset, true);
    view.setUint32(at + 16, address, true);
    view.setUint32(at + 32, fileSize, true);
    view.setUint32(at + 40, memorySize, true);
    view.setUint32(at + 48, 0x1000, true);
  });
  bytes.set(code, 64 + 2 * 56);
  return bytes;
}
