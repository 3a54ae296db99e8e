// Converts verdicts by name to ranges of numbers.

import { RET, type Section, type Verdict } from "./compile.ts";
import { type Abi, systemCalls, X32_BIT } from "./numbers.ts";
import type { Action } from "./program.ts";

/**
 * AUDIT_ARCH_ of linux/audit.h, and the number at which an ABI's calls begin: x86_64 and x32 differ only in
 * that.
 */
const KERNELS: { architecture: number; abis: [Abi, number][] }[] = [
  { architecture: 0xc000003e, abis: [["X86_64", 0], ["X32", X32_BIT]] },
  { architecture: 0x40000003, abis: [["X86", 0]] },
  { architecture: 0xc00000b7, abis: [["AARCH64", 0]] },
  { architecture: 0x40000028, abis: [["ARM", 0]] },
];

/**
 * The sections to compile for these ABIs. A call without verdict gets `otherwise`; a number above all those
 * with a verdict gets `beyond`. Calls of other ABIs kill the thread.
 */
export function sectionsOf(
  abis: Abi[],
  verdicts: Map<string, Verdict>,
  otherwise: Action,
  beyond: Action,
): Section[] {
  return KERNELS.filter((kernel) => kernel.abis.some(([abi]) => abis.includes(abi))).map((kernel) => ({
    architecture: kernel.architecture,
    ranges: kernel.abis.flatMap(([abi, first]) =>
      abis.includes(abi)
        ? ranges(abi, first, verdicts, otherwise, beyond)
        : [{ from: first, verdict: RET.killThread }]
    ),
  }));
}

function ranges(
  abi: Abi,
  first: number,
  verdicts: Map<string, Verdict>,
  otherwise: Action,
  beyond: Action,
): Section["ranges"] {
  const known = [...systemCalls(abi)].filter(([name]) => verdicts.has(name)).sort((a, b) => a[1] - b[1]);
  const found: Section["ranges"] = [];
  const append = (from: number, verdict: Verdict) => {
    if (found.at(-1)?.verdict !== verdict) found.push({ from, verdict });
  };
  let next = first;
  for (const [name, number] of known) {
    if (number > next) append(next, otherwise);
    append(number, verdicts.get(name)!);
    next = number + 1;
  }
  append(next, beyond);
  return found;
}
