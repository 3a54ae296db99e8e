// Executables at a fixed address, as readelf and the loader see them: ffi/prelink.ts.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { BASE, OtherForm, prelink } from "../../ffi/prelink.ts";
import { Scratch } from "../world/tar_tools.ts";

function output(command: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args, env: { LC_ALL: "C" } }).outputSync();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const installed = (program: string) =>
  new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" }).outputSync().success;

function prelinked(program: string): string {
  const bytes = Deno.readFileSync(program);
  prelink(bytes);
  Deno.writeFileSync(`${program}-fixed`, bytes, { mode: 0o755 });
  return `${program}-fixed`;
}

/** Rows of readelf's, as the words in them. */
const rows = (text: string, wanted: RegExp) =>
  text.split("\n").filter((line) => wanted.test(line)).map((line) => line.trim().split(/\s+/));
const hex = (word: string) => parseInt(word, 16);
const moved = (word: string) => (hex(word) + BASE).toString(16);

/** Where in the file an address of the program's is. */
function offsets(program: string): (address: number) => number {
  const loads = rows(output("readelf", "-lW", program), /^ *LOAD/).map((words) => words.slice(1, 5).map(hex));
  return (address) => {
    const [offset, start] = loads.find(([, start, , size]) => address >= start && address < start + size)!;
    return address - start + offset;
  };
}

/** Compares what readelf says of a program and of what prelink() made of it. */
function compare(program: string, fixed: string): void {
  const [header, newHeader] = [program, fixed].map((path) => output("readelf", "-hW", path));
  assert(/Type: +DYN/.test(header) && /Type: +EXEC/.test(newHeader));
  const entry = (text: string) => text.match(/Entry point address: +0x(\w+)/)![1];
  assertEquals(entry(newHeader), moved(entry(header)));

  const SEGMENT = /^ +[A-Z_]+ +0x\w+ 0x\w+ 0x\w+ 0x/;
  const [segments, newSegments] = [program, fixed].map((path) =>
    rows(output("readelf", "-lW", path), SEGMENT)
  );
  assertEquals(
    newSegments.map((words) => words.map((word) => /^0x/.test(word) ? hex(word) : word)),
    segments.map((words) =>
      words.map((word, n) =>
        !/^0x/.test(word) ? word : hex(word) + (words[0] !== "GNU_STACK" && (n === 2 || n === 3) ? BASE : 0)
      )
    ),
  );

  // What the loader still has to look up is where it was, relocations by the address alone are gone.
  const relocations = rows(output("readelf", "-rW", program), /R_\w+/);
  const [relative, symbolic] = [true, false].map((is) =>
    relocations.filter((words) => words[2].endsWith("_RELATIVE") === is)
  );
  assert(relative.length > 0 && symbolic.length > 0);
  const left = rows(output("readelf", "-rW", fixed), /R_\w+/);
  assertEquals(left.map(([offset]) => hex(offset)), symbolic.map(([offset]) => hex(offset) + BASE));
  assertEquals(left.map((words) => words.slice(1, 3)), symbolic.map((words) => words.slice(1, 3)));
  const at = offsets(program);
  const bytes = new DataView(Deno.readFileSync(fixed).buffer);
  for (const [offset, , , addend] of relative) {
    assertEquals(bytes.getBigUint64(at(hex(offset)), true), BigInt(hex(addend) + BASE), offset);
  }

  const defined = (path: string) =>
    rows(output("readelf", "--dyn-syms", "-W", path), /^ +\d+: /).filter((words) => words[6] !== "UND");
  assertEquals(
    defined(fixed).map((words) => [words.at(-1), hex(words[1])]),
    defined(program).map((words) => [words.at(-1), hex(words[1]) + (words[3] === "TLS" ? 0 : BASE)]),
  );
  assert(!/PIE/.test(output("readelf", "-dW", fixed)));
}

Deno.test("prelink: deno itself", () => {
  using scratch = new Scratch();
  const program = `${scratch.path}/deno`;
  Deno.copyFileSync(Deno.execPath(), program);
  const fixed = prelinked(program);
  assertEquals(output(fixed, "--version"), output(program, "--version"));
  compare(program, fixed);
  assertThrows(() => prelinked(fixed), OtherForm, "no position-independent executable");
});

/** Each kind of what can have an address in it: tables, functions, constructors, thread-local variables. */
const C = `
#include <stdio.h>
#include <stdlib.h>
#include <dlfcn.h>
static int one = 1, two = 2;
int *numbers[] = { &one, &two, 0 };
_Thread_local int own = 3;
_Thread_local int *ownPointer = &two;
static int made;
__attribute__((constructor)) static void make(void) { made = 4; }
int exported(void) { return 5; }
void *fromLibc = (void *) free;
int main(void) {
  int (*found)(void) = (int (*)(void)) dlsym(RTLD_DEFAULT, "exported");
  int *own_ = dlsym(RTLD_DEFAULT, "own");
  printf("%d %d %d %d %d %d %d %d\\n", *numbers[0], *numbers[1], own, *ownPointer, made, found ? found() : 0,
    fromLibc == dlsym(RTLD_DEFAULT, "free"), own_ == &own);
  return 0;
}`;

Deno.test({
  name: "prelink: a small program, whatever can be linked otherwise stays",
  ignore: !installed("gcc"),
  fn() {
    using scratch = new Scratch();
    const source = `${scratch.path}/program.c`;
    Deno.writeTextFileSync(source, C);
    const build = (name: string, ...flags: string[]) => {
      output("gcc", "-o", `${scratch.path}/${name}`, source, "-rdynamic", ...flags);
      return `${scratch.path}/${name}`;
    };
    const usual = build("usual", "-pie", "-fPIE", "-Wl,-z,now", "-Wl,-z,nopack-relative-relocs");
    const fixed = prelinked(usual);
    assertEquals([output(usual), output(fixed)], ["1 2 3 2 4 5 1 1\n", "1 2 3 2 4 5 1 1\n"]);
    if (Deno.build.arch === "x86_64") assertEquals(output("setarch", "-R", fixed), "1 2 3 2 4 5 1 1\n");
    compare(usual, fixed);

    const refused = (program: string, why: string) =>
      assertThrows(() => prelink(Deno.readFileSync(program)), OtherForm, why);
    refused(build("lazy", "-pie", "-fPIE", "-Wl,-z,lazy"), "lazily bound");
    refused(
      build("packed", "-pie", "-fPIE", "-Wl,-z,now", "-Wl,-z,pack-relative-relocs"),
      "in the dynamic section",
    );
    refused(build("library", "-shared", "-fPIC", "-Wl,-z,now"), "not dynamically linked");
    refused(build("static", "-static-pie", "-fPIE"), "not dynamically linked");
    refused(build("placed", "-no-pie"), "no position-independent executable");
    refused(source, "no 64-bit");
    const bytes = Deno.readFileSync(usual);
    const aligned = new DataView(bytes.slice().buffer);
    aligned.setBigUint64(64 + 48, 1n << 30n, true); // of the first segment
    assertThrows(() => prelink(new Uint8Array(aligned.buffer)), OtherForm, "aligned");
    for (const length of [5, 100, 1000, 5000]) {
      assertThrows(() => prelink(bytes.slice(0, length)), OtherForm, "");
    }
  },
});

/** A program for no system in particular: it is only looked at. */
const ASSEMBLY = `
.globl _start, exported
.text
_start:
exported: bl imported
  adrp x0, :got:imported_too
  ldr x0, [x0, :got_lo12:imported_too]
  ret
.data
.quad exported, number, imported_object
number: .quad number
.section .tdata, "awT"
.globl own
.type own, %object
own: .quad 7
`;

Deno.test({
  name: "prelink: a program of aarch64's",
  ignore: !["as", "ld"].every((tool) => installed(`aarch64-linux-gnu-${tool}`)),
  fn() {
    using scratch = new Scratch();
    const at = (name: string) => `${scratch.path}/${name}`;
    Deno.writeTextFileSync(at("program.s"), ASSEMBLY);
    Deno.writeTextFileSync(
      at("library.s"),
      ".globl imported, imported_too, imported_object\nimported: ret\n.data\nimported_too: .quad 1\nimported_object: .quad 2\n",
    );
    for (const name of ["program", "library"]) {
      output("aarch64-linux-gnu-as", "-o", at(`${name}.o`), at(`${name}.s`));
    }
    output("aarch64-linux-gnu-ld", "-shared", "-o", at("library.so"), at("library.o"));
    const loader = "--dynamic-linker=/lib/ld-linux-aarch64.so.1";
    output(
      "aarch64-linux-gnu-ld",
      ...[
        "-pie",
        "-z",
        "now",
        "-z",
        "nopack-relative-relocs",
        "--export-dynamic",
        loader,
        "-o",
        at("program"),
      ],
      ...[at("program.o"), at("library.so")],
    );
    compare(at("program"), prelinked(at("program")));
  },
});
