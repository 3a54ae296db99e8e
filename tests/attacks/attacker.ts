// Programs that attack, where they are run, and what came of it. An attacker is static and needs no libc, so
// that it runs in any container, and outside of one to see that it would succeed.

import { assertEquals } from "@std/assert";
import { outputOf } from "../world/busy.ts";
import type { Box } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";
import { makeProgram } from "../isolation/seccomp_probe.ts";
import { KernelError } from "../../ffi/errno.ts";
import type { SyscallName } from "../../ffi/nr.ts";
import type { Program } from "../../ffi/program.ts";
import { systemCalls } from "../../lib/seccomp/numbers.ts";

/** Of all calls of this machine, by name. */
const NUMBERS = Object.fromEntries(systemCalls(Deno.build.arch === "aarch64" ? "AARCH64" : "X86_64"));

/**
 * What is passed as a string or as bytes is passed by its address; `of` is what the call of that index
 * returned.
 */
export type Argument = number | string | Uint8Array | { of: number };
export type Call = [name: string, ...args: Argument[]];

/** "done", or the errno's name. */
export type Outcome = string;

const outcome = (result: number): Outcome => result >= 0 ? "done" : new KernelError("", "", -result).errno;

/** A structure of 64-bit fields, for an argument. */
export function words(...values: (number | bigint)[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer);
}

/** A structure of 32-bit fields. */
export function ints(...values: number[]): Uint8Array {
  return new Uint8Array(new Int32Array(values).buffer);
}

/**
 * An executable that makes any calls of this machine by their names; a failure that nothing catches ends it
 * with 1.
 */
export function makeAttack(path: string, write: (p: Program, call: Caller) => void): void {
  makeProgram(
    path,
    NUMBERS,
    (p) => write(p, (name, args, options) => p.call(name as SyscallName, args, options)),
  );
}

export type Caller = (
  name: string,
  args: Parameters<Program["call"]>[1],
  options?: Parameters<Program["call"]>[2],
) => void;

/** An executable that makes these calls, whatever comes of them, and writes down their results. */
export function makeCalls(path: string, calls: Call[]): void {
  makeAttack(path, (p, call) => {
    const results = p.reserve(8 * calls.length);
    const cell = (index: number) => ({ address: results + 8 * index });
    calls.forEach(([name, ...args], index) => {
      const values = args.map((arg) => {
        if (typeof arg === "number") return arg;
        if (typeof arg === "string") return p.string(arg);
        return arg instanceof Uint8Array ? p.bytes(arg) : cell(arg.of);
      });
      const next = p.label();
      call(name, values, { store: cell(index), negative: next });
      p.place(next);
    });
    call("write", [1, results, 8 * calls.length]);
  });
}

/** What the program of makeCalls wrote, as what came of each call. */
export function outcomes(calls: Call[], output: Uint8Array): Outcome[] {
  const results = output.slice(output.length - 8 * calls.length);
  return [...new BigInt64Array(results.buffer)].map((result) => outcome(Number(result)));
}

/** What comes of these calls in a container that is run with these flags. */
export async function attack(box: Box, calls: Call[], flags: string[] = []): Promise<Outcome[]> {
  makeCalls(box.path("attacker"), calls);
  const mount = ["-v", `${box.dir}/attacker:/attacker:ro`];
  const { code, out, stderr } = await box.$`run --rm ${mount} ${flags} busybox /attacker`;
  assertEquals([code, stderr], [0, ""]);
  return outcomes(calls, out);
}

/** What comes of them outside, by a command that gets the attacker's path as its last argument. */
export function attackOutside(box: Box, calls: Call[], command: string[] = []): Outcome[] {
  makeCalls(box.path("attacker"), calls);
  const [program, ...args] = [...command, box.path("attacker")];
  const { code, stdout, stderr } = outputOf(program, { args });
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return outcomes(calls, stdout);
}

/**
 * Runs a shell script with mount and process namespaces of its own; $1 is the root directory of what a
 * careless runtime would call a container: busybox in a directory with a /proc, to be entered by chroot.
 */
export async function carelessly(box: Box, script: string, ...args: string[]) {
  const root = box.path("careless");
  const before =
    `mkdir "$1" && tar -xf "$2" -C "$1" && mount -t proc proc "$1/proc" || exit 99; shift 2; set -- "$0" "$@"`;
  const shell = ["sh", "-c", `${before}\n${script}`, root, root, await busyboxTar(), ...args];
  try {
    return await box.exec`unshare --mount --pid --fork --kill-child ${shell}`;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** What comes of them in what a careless runtime would call a container. */
export async function attackCarelessly(box: Box, calls: Call[]): Promise<Outcome[]> {
  makeCalls(box.path("attacker"), calls);
  const { code, out, stderr } = await carelessly(box, 'cp attacker "$1/" && exec chroot "$1" /attacker');
  assertEquals([code, stderr], [0, ""]);
  return outcomes(calls, out);
}

/** What comes of them in a container of docker's; see withDocker. */
export async function attackInDocker(
  box: Box,
  docker: string[],
  calls: Call[],
  flags: string[] = [],
): Promise<Outcome[]> {
  makeCalls(box.path("attacker"), calls);
  const image = [
    "sh",
    "-c",
    '"$@" image inspect attacked || "$@" import "$0" attacked',
    await busyboxTar(),
    ...docker,
  ];
  assertEquals((await box.exec(image)).code, 0);
  const mount = ["--network=none", "-v", `${box.dir}/attacker:/attacker:ro`];
  const { code, out, stderr } = await box.exec`${docker} run --rm ${mount} ${flags} attacked /attacker`;
  assertEquals([code, stderr], [0, ""]);
  return outcomes(calls, out);
}
