// Assembles kernel programs: system calls in sequence, with jumps on the sign of a result, run by the stub
// (stub_x86_64.S) in a process of its own, where no JavaScript is.
//
//   const p = newProgram();
//   const fd = p.cell();
//   p.call("openat", [AT_FDCWD, p.string("/x"), O_RDONLY, 0], { store: fd, what: "/x" });
//   p.call("close", [fd]);
//
// A step goes on with the next one, unless its result has a label of its own. A negative result without one
// goes to where the last onFailure that was run said. Strings, cells and buffers have fixed addresses, so a
// structure can point at them.

import { MADV_DONTNEED } from "./constants.ts";
import { encodeNameInto } from "./bytes.ts";
import { NR, type SyscallName } from "./nr.ts";

/** Where the parts of a program lie in the memory of the process that runs it; STEPS is known to the stub. */
export const MEMORY = { text: 0x100000, steps: 0x200000, data: 0x400000, zeroed: 0x2000000 };

/**
 * What the stub keeps at the start of MEMORY.steps: the last failed step, its result, and where failures go.
 */
export const FAILED_STEP: Cell = { address: MEMORY.steps };
export const FAILURE: Cell = { address: MEMORY.steps + 8 };
const HANDLER = MEMORY.steps + 16;
/** The steps begin after that. */
const FIRST_STEP = 24;
const PAGE_SIZE = 4096;
const STEP_SIZE = 96;

/**
 * Eight bytes of the program's memory: as an argument its value when the step runs, as `store` where a result
 * goes.
 */
export interface Cell {
  address: number;
}

/** A place among the steps. */
export interface Label {
  step: number;
}

/** An argument: a number (an address, a descriptor, a flag) or what a cell holds by then. */
export type Value = number | Cell;

export interface StepOptions {
  store?: Cell;
  negative?: Label;
  zero?: Label;
  positive?: Label;
  /** What the call is about, for the report of its failure. */
  what?: string;
}

/** The parts of an assembled program, and what a failed step was about. */
export interface Assembled {
  steps: Uint8Array;
  data: Uint8Array;
  zeroedSize: number;
  /** How many steps there are. */
  count: number;
  /** The call and operand of the step at an address that the stub recorded. */
  describe(address: number): { call: string; what: string };
}

export type Program = ReturnType<typeof newProgram>;

/**
 * Words of 32 bits in a step: it is written as it is declared, so that a program costs one array and no
 * objects.
 */
const STEP_WORDS = STEP_SIZE / 4;
const [NUMBER, INDIRECT, ARGUMENTS, STORE, NEGATIVE, ZERO, POSITIVE] = [0, 2, 4, 16, 18, 20, 22];

/**
 * An empty program, for the architecture that has these `numbers`. Throws RangeError where a call's failure
 * leads nowhere, and from assemble() where a label does.
 */
export function newProgram(numbers = NR) {
  let steps = new Uint32Array(512 * STEP_WORDS);
  let count = 0;
  const calls: string[] = [];
  const whats: (string | undefined)[] = [];
  /** Words of `steps` that a label's address goes to, and the labels. */
  const jumps: number[] = [];
  const labels: Label[] = [];
  let data = new Uint8Array(16384);
  let dataSize = 0;
  let zeroedSize = 0;
  const strings = new Map<string, number>();
  let handled = false;

  /** Makes room for `size` bytes of data; returns their offset. */
  function reserveData(size: number): number {
    const at = (dataSize + 7) & ~7;
    if (at + size > data.length) {
      const larger = new Uint8Array(Math.max(2 * data.length, at + size));
      larger.set(data);
      data = larger;
    }
    dataSize = at + size;
    return at;
  }

  function bytes(content: Uint8Array): number {
    const at = reserveData(content.length);
    data.set(content, at);
    return MEMORY.data + at;
  }

  function string(text: string): number {
    const known = strings.get(text);
    if (known !== undefined) return known;
    // A UTF-16 unit takes three bytes at most.
    const at = reserveData(3 * text.length + 1);
    dataSize = encodeNameInto(text, data, at);
    strings.set(text, MEMORY.data + at);
    return MEMORY.data + at;
  }

  function put(at: number, value: number): void {
    steps[at] = value >>> 0;
    steps[at + 1] = value < 0 || value > 0xffffffff ? Math.floor(value / 2 ** 32) >>> 0 : 0;
  }

  function jump(at: number, label: Label): void {
    jumps.push(at);
    labels.push(label);
  }

  function step(call: string, number: number, args: Value[], options: StepOptions): void {
    const base = count * STEP_WORDS;
    if (base === steps.length) {
      const larger = new Uint32Array(2 * steps.length);
      larger.set(steps);
      steps = larger;
    }
    let indirect = 0;
    for (let n = 0; n < args.length; n++) {
      const arg = args[n];
      if (typeof arg === "number") put(base + ARGUMENTS + 2 * n, arg);
      else {
        indirect |= 1 << n;
        put(base + ARGUMENTS + 2 * n, arg.address);
      }
    }
    put(base + NUMBER, number);
    steps[base + INDIRECT] = indirect;
    if (options.store) put(base + STORE, options.store.address);
    if (options.negative) jump(base + NEGATIVE, options.negative);
    if (options.zero) jump(base + ZERO, options.zero);
    if (options.positive) jump(base + POSITIVE, options.positive);
    calls.push(call);
    whats.push(options.what);
    count++;
  }

  return {
    /** Puts bytes into the program's memory, aligned to 8; returns their address. */
    bytes,

    /** A NUL-terminated string; the same one twice is one. */
    string,

    /** A NULL-terminated array of pointers to strings (argv, envp). */
    strings(list: string[]): number {
      return this.words([...list.map(string), 0]);
    },

    /** 32-bit integers one after another, as most kernel structures have them. */
    ints(values: number[]): number {
      return bytes(new Uint8Array(new Int32Array(values).buffer));
    },

    /** 64-bit integers one after another. */
    words(values: number[]): number {
      const halves = new Int32Array(2 * values.length);
      values.forEach((value, index) => {
        halves[2 * index] = value;
        halves[2 * index + 1] = Math.floor(value / 2 ** 32);
      });
      return bytes(new Uint8Array(halves.buffer));
    },

    /**
     * `size` bytes of zeros, which cost memory only when they are touched. A page or more begins with a page,
     * so that it can be given back (madvise(2)).
     */
    reserve(size: number): number {
      if (size >= PAGE_SIZE) zeroedSize = Math.ceil(zeroedSize / PAGE_SIZE) * PAGE_SIZE;
      const at = MEMORY.zeroed + zeroedSize;
      zeroedSize += (size + 7) & ~7;
      return at;
    },

    cell(initial = 0): Cell {
      return { address: this.words([initial]) };
    },

    label(): Label {
      return { step: -1 };
    },

    /** The next step is where `label` leads. */
    place(label: Label): void {
      label.step = count;
    },

    /** When this step was run, a negative result that no label catches goes to `label`. */
    onFailure(label: Label): void {
      handled = true;
      jump(count * STEP_WORDS + ARGUMENTS, label);
      step("subtract", -1, [0, 0], { store: { address: HANDLER } });
    },

    /** A system call. */
    call(name: SyscallName, args: Value[], options: StepOptions = {}): void {
      if (!handled && !options.negative && name !== "exit_group") {
        throw new RangeError(`${name} ${options.what ?? ""}: a negative result leads nowhere`);
      }
      step(name, numbers[name], args, options);
    },

    /** The difference of two values, for counting and comparing; a negative one is no failure. */
    subtract(from: Value, amount: Value, options: StepOptions = {}): void {
      step("subtract", -1, [from, amount], { ...options, negative: options.negative ?? { step: count + 1 } });
    },

    /** Sets a cell. */
    set(cell: Cell, value: Value): void {
      const next = typeof value === "number" && value >= 0 ? undefined : { step: count + 1 };
      step("subtract", -1, [value, 0], { store: cell, negative: next });
    },

    /**
     * Gives back the memory of the steps between two labels, which have their places already: whole pages, as
     * far as these go. Who runs those steps later has them read again. A kernel that refuses does no harm.
     */
    release(from: Label, to: Label): void {
      const begin = Math.ceil(addressOfStep(from.step) / PAGE_SIZE) * PAGE_SIZE;
      const size = Math.floor(addressOfStep(to.step) / PAGE_SIZE) * PAGE_SIZE - begin;
      if (size > 0) {
        step("madvise", numbers.madvise, [begin, size, MADV_DONTNEED], { negative: { step: count + 1 } });
      }
    },

    /** Fails as if `call` had, with a negated errno: for a failure that takes several calls to see. */
    fail(call: SyscallName, result: Value, what: string): void {
      step(call, -1, [result, 0], { what });
    },

    goto(label: Label): void {
      step("subtract", -1, [0, 0], { zero: label });
    },

    assemble(): Assembled {
      for (let n = 0; n < jumps.length; n++) {
        if (labels[n].step < 0 || labels[n].step > count) {
          const index = Math.floor(jumps[n] / STEP_WORDS);
          throw new RangeError(`${calls[index]} ${whats[index] ?? ""}: a label has no place`);
        }
        put(jumps[n], addressOfStep(labels[n].step));
      }
      const image = new Uint8Array(FIRST_STEP + count * STEP_SIZE);
      image.set(new Uint8Array(steps.buffer, 0, count * STEP_SIZE), FIRST_STEP);
      return {
        steps: image,
        data: data.subarray(0, dataSize),
        zeroedSize,
        count,
        describe(address) {
          const index = (address - addressOfStep(0)) / STEP_SIZE;
          return { call: calls[index] ?? "unknown step", what: whats[index] ?? "" };
        },
      };
    },
  };
}

function addressOfStep(index: number): number {
  return MEMORY.steps + FIRST_STEP + index * STEP_SIZE;
}
