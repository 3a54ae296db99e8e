// The program assembler and the stub, on this architecture and, emulated, on the other.

import { assertEquals, assertThrows } from "@std/assert";
import { outputOf } from "../world/busy.ts";
import { gated, requires } from "../world/requires.ts";
import { elfParts } from "../../ffi/elf.ts";
import { type Architecture, numbersOf } from "../../ffi/nr.ts";
import { FAILED_STEP, FAILURE, newProgram, type Program } from "../../ffi/program.ts";

const AT_FDCWD = -100;

const emulator = (architecture: Architecture) => `qemu-${architecture}-static`;

/** Runs a program that `write` adds steps to; it ends with 0 unless a step of its own ends it. */
function run(architecture: Architecture, write: (p: Program) => void): { code: number; out: Uint8Array } {
  const p = newProgram(numbersOf(architecture));
  write(p);
  p.call("exit_group", [0]);
  const path = Deno.makeTempFileSync({ prefix: "mydocker-program-" });
  try {
    const file = Deno.openSync(path, { write: true });
    for (const [offset, part] of elfParts(p.assemble(), architecture)) {
      file.seekSync(offset, Deno.SeekMode.Start);
      file.writeSync(part);
    }
    file.close();
    Deno.chmodSync(path, 0o755);
    const [command, ...args] = architecture === Deno.build.arch ? [path] : [emulator(architecture), path];
    const { code, stdout } = outputOf(command, { args });
    return { code, out: stdout };
  } finally {
    Deno.removeSync(path);
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const architecture of ["x86_64", "aarch64"] as const) {
  const needs = architecture === Deno.build.arch ? {} : await requires(emulator(architecture));
  const test = (name: string, body: () => void) =>
    Deno.test(gated(`program on ${architecture}: ${name}`, needs, () => Promise.resolve(body())));

  test("a loop counts down and ends on zero", () => {
    const { code, out } = run(architecture, (p) => {
      const [left, again, done] = [p.cell(3), p.label(), p.label()];
      p.place(again);
      p.call("write", [1, p.string("ab"), 2], { negative: done });
      p.subtract(left, 1, { store: left, positive: again });
      p.place(done);
    });
    assertEquals([code, text(out)], [0, "ababab"]);
  });

  test("strings of any characters, and names that are not UTF-8, are whole beside others", () => {
    const { code, out } = run(architecture, (p) => {
      const done = p.label();
      // Put in before any of them is written: each has its room.
      const all = [["ab", 2], ["é€\u{1d11e}", 9], ["\udcff/\udc80", 3], ["cd", 2]] as const;
      for (const [address, length] of all.map(([text, length]) => [p.string(text), length])) {
        p.call("write", [1, address, length + 1], { negative: done });
      }
      p.place(done);
    });
    const bytes = [...new TextEncoder().encode("ab\0é€\u{1d11e}\0"), 0xff, 0x2f, 0x80, 0, 0x63, 0x64, 0];
    assertEquals([code, [...out]], [0, bytes]);
  });

  test("an unexpected failure goes to the handler, with step and errno", () => {
    let assembled = 0;
    const { code, out } = run(architecture, (p) => {
      const handler = p.label();
      p.onFailure(handler);
      p.call("openat", [AT_FDCWD, p.string("/no/such"), 0, 0], { what: "/no/such" });
      p.call("exit_group", [9]);
      p.place(handler);
      const report = p.words([0, 0]);
      p.set({ address: report }, FAILED_STEP);
      p.set({ address: report + 8 }, FAILURE);
      p.call("write", [1, report, 16]);
      assembled = 1;
    });
    const [step, errno] = new BigInt64Array(out.slice().buffer);
    assertEquals([code, Number(errno), assembled], [0, -2, 1]);
    // The handler's own step is the first; the one that failed comes after it.
    assertEquals((Number(step) - FAILED_STEP.address - 24) / 96, 1);
  });

  test("results are stored, and read again where they are needed", () => {
    const { code, out } = run(architecture, (p) => {
      const [failed, fd, length] = [p.label(), p.cell(), p.cell()];
      p.onFailure(failed);
      const buffer = p.reserve(64);
      p.call("openat", [AT_FDCWD, p.string("/proc/self/comm"), 0, 0], { store: fd });
      p.call("prctl", [15, p.string("renamed"), 0, 0, 0]);
      p.call("read", [fd, buffer, 64], { store: length });
      p.call("write", [1, buffer, length]);
      p.call("exit_group", [0]);
      p.place(failed);
      p.call("exit_group", [1]);
    });
    assertEquals([code, text(out)], [0, "renamed\n"]);
  });

  test("negative, zero and positive results go their own ways", () => {
    for (const [value, expected] of [[-5, 1], [0, 2], [7, 3]]) {
      const { code } = run(architecture, (p) => {
        const [negative, zero, positive] = [p.label(), p.label(), p.label()];
        p.subtract(value, 0, { negative, zero, positive });
        for (const [label, exit] of [[negative, 1], [zero, 2], [positive, 3]] as const) {
          p.place(label);
          p.call("exit_group", [exit]);
        }
      });
      assertEquals(code, expected);
    }
  });

  test("64-bit numbers pass through whole", () => {
    const { out } = run(architecture, (p) => {
      const [cell, handler] = [p.cell(2 ** 40 + 3), p.label()];
      p.onFailure(handler);
      p.subtract(cell, -(2 ** 33), { store: cell });
      p.call("write", [1, cell.address, 8]);
      p.place(handler);
    });
    assertEquals(new BigInt64Array(out.slice().buffer)[0], 2n ** 40n + 2n ** 33n + 3n);
  });
}

Deno.test("newProgram: a call whose failure leads nowhere is refused", () => {
  assertThrows(() => newProgram().call("getpid", []), RangeError, "leads nowhere");
});

Deno.test("assemble: a label without a place is refused", () => {
  const p = newProgram();
  p.goto(p.label());
  assertThrows(() => p.assemble(), RangeError, "no place");
});

Deno.test("describe: names the call and what it was about", () => {
  const p = newProgram();
  p.call("openat", [AT_FDCWD, p.string("/x"), 0, 0], { what: "/x", negative: p.label() });
  const at = FAILED_STEP.address + 24;
  assertEquals(newProgram().assemble().describe(at), { call: "unknown step", what: "" });
  const q = newProgram();
  q.call("exit_group", [0], { what: "the end" });
  assertEquals(q.assemble().describe(at), { call: "exit_group", what: "the end" });
});

Deno.test("reserve: a page or more begins with a page, whatever was reserved before", () => {
  const p = newProgram();
  p.reserve(8);
  assertEquals([p.reserve(4096) % 4096, p.reserve(12) % 8, p.reserve(65536) % 4096], [0, 0, 0]);
});
