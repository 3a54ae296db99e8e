// Compiles the default filter. That takes time and space, so it happens when mydocker is built: make has
// write_default.ts write the result to .build/, where default.ts finds it.

import { ENOSYS, EPERM } from "../../ffi/constants.ts";
import { compile, RET, type Verdict } from "./compile.ts";
import type { Abi } from "./numbers.ts";
import { sectionsOf } from "./sections.ts";
import { ALLOWED, BY_ARGUMENT, BY_CAPABILITY } from "./table.ts";
import type { Compiled } from "./program.ts";
import { capabilityNumber } from "../security/capability_names.ts";

/** The ABIs that docker allows in addition to the kernel's own. */
export const ABIS: Record<typeof Deno.build.arch, Abi[]> = {
  x86_64: ["X86_64", "X86", "X32"],
  aarch64: ["AARCH64", "ARM"],
};

/** The filter for an architecture. default.ts opens the gates of the capabilities that a container has. */
export function compileDefault(architecture: typeof Deno.build.arch): Compiled {
  return compile(sectionsOf(ABIS[architecture], verdicts(), RET.errno(EPERM), RET.errno(ENOSYS)));
}

function verdicts(): Map<string, Verdict> {
  const found = new Map<string, Verdict>();
  const set = (calls: string, verdict: Verdict) => {
    for (const name of calls.trim().split(/\s+/)) {
      if (found.has(name)) throw new RangeError(`${name} is in the table twice`);
      found.set(name, verdict);
    }
  };
  for (const calls of Object.values(ALLOWED)) set(calls, RET.allow);
  for (const { with: names, calls, otherwise } of BY_CAPABILITY) set(calls, gate(names, otherwise));
  for (const { call, allowed, with: names = [] } of BY_ARGUMENT) {
    const rules = allowed.map((conditions) => ({ conditions, action: RET.allow }));
    set(call, { rules, otherwise: gate(names) });
  }
  return found;
}

function gate(names: string[], errno = EPERM) {
  const capabilities = names.map((name) => {
    const number = capabilityNumber(name);
    if (number === undefined) throw new RangeError(`no capability ${name}`);
    return number;
  });
  return { capabilities, otherwise: RET.errno(errno) };
}
