// Compiles a table of allowed calls into a filter: a classic BPF program (seccomp(2), linux/filter.h) over
// struct seccomp_data.
//
// Each of the kernel's architectures has a binary search over ranges of system call numbers with the same
// verdict. When the filter is installed, the kernel runs the search once for each number and remembers calls
// that are allowed whatever their arguments. Such calls then cost no more than without a filter.

import { type Assembler, newAssembler, type Place } from "./assemble.ts";
import type { Action, Compiled } from "./program.ts";

/** A test of an argument as 64 bits; & compares after masking. */
export interface Condition {
  /** 0 to 5. */
  argument: number;
  operator: "==" | "!=" | "<" | "<=" | ">=" | ">" | "&==" | "&!=";
  value: bigint;
  /** For & only. */
  mask?: bigint;
}

/** An action, or the action of the first rule whose conditions all hold. */
export type Verdict = Action | { rules: { conditions: Condition[]; action: Action }[]; otherwise: Action };

/**
 * The verdicts of one of the kernel's architectures (AUDIT_ARCH_), by the first number of each range, in
 * order.
 */
export interface Section {
  architecture: number;
  ranges: { from: number; verdict: Verdict }[];
}

export const RET = {
  killProcess: 0x80000000,
  killThread: 0,
  trap: 0x00030000,
  errno: (errno: number) => 0x00050000 | errno,
  trace: (data: number) => 0x7ff00000 | data,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
};

/** Offsets in struct seccomp_data on a little-endian machine. */
const [NUMBER, ARCHITECTURE] = [0, 4];
const low = (argument: number) => 16 + 8 * argument;
const high = (argument: number) => low(argument) + 4;

/** The filter of one or more sections. A call from any other architecture kills its thread. */
export function compile(sections: Section[]): Compiled {
  const assembler = newAssembler();
  let next = assembler.answer(RET.killThread);
  const starts: Place[] = [];
  for (const { ranges } of sections.toReversed()) {
    assembler.forgetAnswers();
    const verdicts = ranges.map(({ verdict }) => placeVerdict(assembler, verdict));
    starts.unshift(assembler.load(NUMBER, search(assembler, ranges.map(({ from }) => from), verdicts)));
  }
  for (let n = sections.length - 1; n >= 0; n--) {
    next = assembler.branch("==", sections[n].architecture, starts[n], next);
  }
  assembler.load(ARCHITECTURE, next);
  return assembler.finish();
}

/** Code that leads to the verdict for the range of the number. */
function search(assembler: Assembler, from: number[], verdicts: Place[]): Place {
  if (verdicts.length === 1) return verdicts[0];
  const middle = verdicts.length >> 1;
  const above = search(assembler, from.slice(middle), verdicts.slice(middle));
  const below = search(assembler, from.slice(0, middle), verdicts.slice(0, middle));
  return assembler.branch(">=", from[middle], above, below);
}

function placeVerdict(assembler: Assembler, verdict: Verdict): Place {
  if (typeof verdict === "number" || !("rules" in verdict)) return assembler.answer(verdict);
  let next = assembler.answer(verdict.otherwise);
  for (const { conditions, action } of verdict.rules.toReversed()) {
    let holds = assembler.answer(action);
    for (const condition of conditions.toReversed()) holds = test(assembler, condition, holds, next);
    next = holds;
  }
  return next;
}

const NEGATED = { "!=": "==", "&!=": "&==", "<": ">=", "<=": ">" } as const;

/**
 * Code that leads to `yes` if the condition holds, else to `no`. BPF words have 32 bits, so the high half is
 * tested first.
 */
function test(assembler: Assembler, condition: Condition, yes: Place, no: Place): Place {
  const { argument, operator, value, mask = 0xffffffffffffffffn } = condition;
  if (operator in NEGATED) {
    return test(assembler, { ...condition, operator: NEGATED[operator as keyof typeof NEGATED] }, no, yes);
  }
  const half = (number: bigint, shift: bigint) => Number((number >> shift) & 0xffffffffn);
  const [highValue, lowValue] = [half(value, 32n), half(value, 0n)];
  const compare = (at: number, bits: number, wanted: number, then: Place) => {
    assembler.branch("==", wanted, then, no);
    if (bits !== 0xffffffff) assembler.mask(bits);
    return assembler.load(at);
  };
  if (operator === "==" || operator === "&==") {
    const rest = compare(low(argument), half(mask, 0n), lowValue, yes);
    // The high half does not matter.
    if (half(mask, 32n) === 0 && highValue === 0) return rest;
    return compare(high(argument), half(mask, 32n), highValue, rest);
  }
  const lower = assembler.load(low(argument), assembler.branch(operator as ">" | ">=", lowValue, yes, no));
  const equal = assembler.branch("==", highValue, lower, no);
  return assembler.load(high(argument), assembler.branch(">", highValue, yes, equal));
}
