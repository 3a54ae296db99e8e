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
import { encodeAscii, encodeNameInto } from "./bytes.ts";
import { NR, type SyscallName } from "./nr.ts";

/** Where the parts of a program lie in the memory of the process that runs it; STEPS is known to the stub. */
export const MEMORY = {
  text: 0x100000,
  steps: 0x200000,
  data: 0x400000,
  zeroed: 0x2000000,
  strings: 0x10000000,
};

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

/** A place among the steps: the address of the one that is there, 0 before it has a place. */
export interface Label {
  address: number;
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
  strings: Uint8Array;
  zeroedSize: number;
  /** How many steps there are. */
  count: number;
  /** The call and operand of the step at an address that the stub recorded. */
  describe(address: number): { call: string; what: string };
}

export type Program = ReturnType<typeof newProgram>;

/**
 * Words of 32 bits in a step. It is written where the kernel will have it as it is declared: the code here
 * runs once, mostly interpreted, so that each object and each call of a built-in function would show.
 */
const STEP_WORDS = STEP_SIZE / 4;
const [NUMBER, INDIRECT, ARGUMENTS, STORE, NEGATIVE, ZERO, POSITIVE] = [0, 2, 4, 16, 18, 20, 22];
/** Instead of a system call's number, for the stub to subtract. */
const SUBTRACT = -1;
const FIRST_WORD = FIRST_STEP / 4;
const NO_OPTIONS: StepOptions = {};

/**
 * An empty program, for the architecture that has these `numbers`. Throws RangeError where a call's failure
 * leads nowhere, and from assemble() where a label does.
 */
export function newProgram(numbers = NR) {
  let steps = new Int32Array(FIRST_WORD + 1024 * STEP_WORDS);
  let end = FIRST_WORD;
  /** By the steps' first words: what they are about, and the calls that they only seem to be. */
  const whats = new Map<number, string>();
  const failures = new Map<number, string>();
  /** Words of `steps` that a label's address goes to, and the labels. */
  const jumps: number[] = [];
  const labels: Label[] = [];
  /** Words of `steps` behind which the size of all strings goes. */
  const stringReleases: number[] = [];
  let data = new Int32Array(4096);
  let dataWords = 0;
  let zeroedSize = 0;
  /** All strings, each followed by as many NULs as it takes to be of any characters in its place. */
  let text = "";
  const strings = new Map<string, number>();
  let handled = false;

  /** Makes room for `size` bytes of data; returns the offset in words. */
  function reserveData(size: number): number {
    const at = dataWords;
    dataWords = at + 2 * ((size + 7) >> 3);
    if (dataWords > data.length) data = larger(data, dataWords);
    return at;
  }

  function bytes(content: Uint8Array): number {
    const at = 4 * reserveData(content.length);
    new Uint8Array(data.buffer).set(content, at);
    return MEMORY.data + at;
  }

  function words(values: number[]): number {
    const at = reserveData(8 * values.length);
    for (let n = 0, word = at; n < values.length; n++, word += 2) put(data, word, values[n]);
    return MEMORY.data + 4 * at;
  }

  function string(content: string): number {
    let address = strings.get(content);
    if (address === undefined) {
      address = MEMORY.strings + text.length;
      strings.set(content, address);
      // A UTF-16 unit takes three bytes at most.
      text += content.padEnd(3 * content.length + 1, "\0");
    }
    return address;
  }

  /** All at once, unless one has other than ASCII characters. */
  function encodeStrings(): Uint8Array {
    const encoded = new Uint8Array(text.length);
    if (encodeAscii(text, encoded)) return encoded;
    encoded.fill(0);
    for (const [content, address] of strings) encodeNameInto(content, encoded, address - MEMORY.strings);
    return encoded;
  }

  /** Where the next step will be. */
  const here = () => MEMORY.steps + 4 * end;

  function jump(at: number, label: Label): void {
    if (label.address !== 0) steps[at] = label.address;
    else {
      jumps.push(at);
      labels.push(label);
    }
  }

  /** Where `negative` is the step after this one, a negative result is none that fails. */
  function step(number: number, args: Value[], options: StepOptions, goesOn: boolean): void {
    const base = end;
    end = base + STEP_WORDS;
    if (end > steps.length) steps = larger(steps, end);
    let indirect = 0;
    for (let n = 0, at = base + ARGUMENTS; n < args.length; n++, at += 2) {
      const arg = args[n];
      if (typeof arg === "number") put(steps, at, arg);
      else {
        indirect |= 1 << n;
        steps[at] = arg.address;
      }
    }
    put(steps, base + NUMBER, number);
    if (indirect !== 0) steps[base + INDIRECT] = indirect;
    if (options === NO_OPTIONS) {
      if (goesOn) steps[base + NEGATIVE] = here();
      return;
    }
    const { store, negative, zero, positive, what } = options;
    if (store !== undefined) steps[base + STORE] = store.address;
    if (negative !== undefined) jump(base + NEGATIVE, negative);
    else if (goesOn) steps[base + NEGATIVE] = here();
    if (zero !== undefined) jump(base + ZERO, zero);
    if (positive !== undefined) jump(base + POSITIVE, positive);
    if (what !== undefined) whats.set(base, what);
  }

  /** The call of the step that begins with this word. */
  function callOf(base: number): string {
    const number = base < end ? steps[base + NUMBER] : undefined;
    const known = () => Object.keys(numbers).find((name) => numbers[name as SyscallName] === number);
    return failures.get(base) ?? (number === SUBTRACT ? "subtract" : known()) ?? "unknown step";
  }

  return {
    /** Puts bytes into the program's memory, aligned to 8; returns their address. */
    bytes,

    /** A NUL-terminated string; the same one twice is one. */
    string,

    /** A NULL-terminated array of pointers to strings (argv, envp). */
    strings(list: string[]): number {
      return words([...list.map(string), 0]);
    },

    /** 32-bit integers one after another, as most kernel structures have them. */
    ints(values: number[]): number {
      const at = reserveData(4 * values.length);
      data.set(values, at);
      return MEMORY.data + 4 * at;
    },

    /** 64-bit integers one after another. */
    words,

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
      const at = reserveData(8);
      if (initial !== 0) put(data, at, initial);
      return { address: MEMORY.data + 4 * at };
    },

    label(): Label {
      return { address: 0 };
    },

    /** The next step is where `label` leads. */
    place(label: Label): void {
      label.address = here();
    },

    /** When this step was run, a negative result that no label catches goes to `label`. */
    onFailure(label: Label): void {
      handled = true;
      jump(end + ARGUMENTS, label);
      step(SUBTRACT, [0, 0], { store: { address: HANDLER } }, false);
    },

    /** A system call. */
    call(name: SyscallName, args: Value[], options: StepOptions = NO_OPTIONS): void {
      if (!handled && !options.negative && name !== "exit_group") {
        throw new RangeError(`${name} ${options.what ?? ""}: a negative result leads nowhere`);
      }
      step(numbers[name], args, options, false);
    },

    /** The difference of two values, for counting and comparing; a negative one is no failure. */
    subtract(from: Value, amount: Value, options: StepOptions = NO_OPTIONS): void {
      step(SUBTRACT, [from, amount], options, true);
    },

    /** Sets a cell. */
    set(cell: Cell, value: Value): void {
      step(SUBTRACT, [value, 0], { store: cell }, true);
    },

    /**
     * Gives back the memory of the steps between two labels, which have their places already: whole pages, as
     * far as these go. Who runs those steps later has them read again. A kernel that refuses does no harm.
     */
    release(from: Label, to: Label): void {
      const begin = Math.ceil(from.address / PAGE_SIZE) * PAGE_SIZE;
      const size = Math.floor(to.address / PAGE_SIZE) * PAGE_SIZE - begin;
      if (size > 0) step(numbers.madvise, [begin, size, MADV_DONTNEED], NO_OPTIONS, true);
    },

    /** Gives back the memory of all strings: who uses one later has it read again. */
    releaseStrings(): void {
      stringReleases.push(end + ARGUMENTS);
      step(numbers.madvise, [MEMORY.strings, 0, MADV_DONTNEED], NO_OPTIONS, true);
    },

    /** Fails as if `call` had, with a negated errno: for a failure that takes several calls to see. */
    fail(call: SyscallName, result: Value, what: string): void {
      failures.set(end, call);
      step(SUBTRACT, [result, 0], { what }, false);
    },

    goto(label: Label): void {
      step(SUBTRACT, [0, 0], { zero: label }, false);
    },

    assemble(): Assembled {
      for (let n = 0; n < jumps.length; n++) {
        const { address } = labels[n];
        if (address === 0) {
          const base = jumps[n] - (jumps[n] - FIRST_WORD) % STEP_WORDS;
          throw new RangeError(`${callOf(base)} ${whats.get(base) ?? ""}: a label has no place`);
        }
        steps[jumps[n]] = address;
      }
      for (const at of stringReleases) steps[at + 2] = text.length;
      return {
        steps: new Uint8Array(steps.buffer, 0, 4 * end),
        data: new Uint8Array(data.buffer, 0, 4 * dataWords),
        strings: encodeStrings(),
        zeroedSize,
        count: (end - FIRST_WORD) / STEP_WORDS,
        describe(address) {
          const base = (address - MEMORY.steps) / 4;
          return { call: callOf(base), what: whats.get(base) ?? "" };
        },
      };
    },
  };
}

/** Writes a number as 64 bits, where there is nothing yet. */
function put(words: Int32Array, at: number, value: number): void {
  words[at] = value;
  if (value < 0 || value > 0xffffffff) words[at + 1] = Math.floor(value / 2 ** 32);
}

/** A copy with room for so many words at least. */
function larger(words: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(Math.max(2 * words.length, least));
  copy.set(words);
  return copy;
}
