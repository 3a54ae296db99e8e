// Compiles docker's profile files. Loaded only when one is given, since it needs the table of all system
// calls.

import { Failure } from "../base/error.ts";
import { ENOSYS, EPERM } from "../../ffi/constants.ts";
import { readInput } from "../cli/input_file.ts";
import { kernelAtLeast } from "../base/kernel.ts";
import { PLATFORM } from "../host/facts.ts";
import { compile, type Condition, RET, type Verdict } from "./compile.ts";
import { encodeFilter } from "./encode.ts";
import { multiplexed } from "./multiplexed.ts";
import type { Abi } from "./numbers.ts";
import {
  type Argument,
  compact,
  type Filter,
  parseProfile,
  type Profile,
  type Rule,
} from "./profile_json.ts";
import { sectionsOf } from "./sections.ts";
import type { Action } from "./program.ts";
import { capabilityNumber } from "../security/capability_names.ts";

const OWN: Record<typeof Deno.build.arch, Abi> = { x86_64: "X86_64", aarch64: "AARCH64" };
const ABIS = ["X86_64", "X86", "X32", "AARCH64", "ARM"];
const FOREIGN = /^(MIPS(64|64N32|EL|EL64|EL64N32)?|PPC(64|64LE)?|S390X?|PARISC(64)?|RISCV64|LOONGARCH64)$/;

/**
 * Reads a profile: its JSON for inspect, and its filter, as text, for a container with these capabilities; no
 * filter if the profile asks for none. Throws Failure for files that can't be read or are invalid.
 */
export function readProfile(
  path: string,
  capabilities: number[],
): { json: string; filter: string | undefined } {
  const text = readText(path);
  const code = compileProfile(parseProfile(text, path), capabilities);
  return { json: compact(text), filter: code && encodeFilter(code) };
}

function readText(path: string): string {
  try {
    return readInput(path);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`opening seccomp profile (${path}) failed: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * The filter (struct sock_filter[]) of a profile; undefined for an empty one. A rule without conditions
 * decides about its call, the first of several. Among rules with conditions, the first whose conditions hold
 * decides.
 */
function compileProfile(profile: Profile, capabilities: number[]): Uint8Array | undefined {
  const { defaultAction, defaultErrnoRet, syscalls } = profile;
  if (!defaultAction && !syscalls?.length) return undefined;
  const otherwise = actionOf(defaultAction, defaultErrnoRet);
  const rules = (syscalls ?? []).filter((rule) => counts(rule, capabilities));
  const byName = new Map<string, { conditions: Condition[]; action: Action }[]>();
  for (const rule of rules) {
    const action = actionOf(rule.action, rule.errnoRet);
    // A rule that agrees with the default has no effect, least of all on other rules.
    if (action === otherwise) continue;
    for (const name of namesOf(rule)) {
      const known = byName.get(name) ?? [];
      known.push(...alternatives(rule.args ?? []).map((conditions) => ({ conditions, action })));
      byName.set(name, known);
    }
  }
  const verdicts = new Map<string, Verdict>();
  for (const [name, known] of multiplexed(byName)) {
    const always = known.find(({ conditions }) => conditions.length === 0);
    verdicts.set(name, always ? always.action : { rules: known, otherwise });
  }
  requireEnd(verdicts.get("exit_group") ?? otherwise);
  // A call that is mentioned counts as known to the profile, as in runc, even if its rule has no effect.
  for (const name of rules.flatMap(namesOf)) if (!verdicts.has(name)) verdicts.set(name, otherwise);
  try {
    return compile(sectionsOf(abisOf(profile), verdicts, otherwise, beyond(otherwise))).code;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure(`the seccomp profile is too long for the kernel: ${error.message}`, {
      cause: error,
    });
  }
}

/** Requires exit_group: a process that fails to become the command would otherwise try to end for ever. */
function requireEnd(verdict: Verdict): void {
  const ends = [RET.allow, RET.log, RET.trap, RET.killThread, RET.killProcess];
  if (typeof verdict === "number" && ends.includes(verdict)) return;
  throw new Failure("the seccomp profile must allow exit_group: without it nothing can start");
}

/**
 * The verdict for calls newer than all that the profile knows. Programs would take EPERM as a refusal and not
 * try older calls.
 */
function beyond(otherwise: number): number {
  return otherwise === RET.allow || otherwise === RET.log ? otherwise : RET.errno(ENOSYS);
}

function namesOf({ name, names }: Rule): string[] {
  if (name && names?.length) {
    throw new Failure(
      "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",
    );
  }
  return name ? [name] : names ?? [];
}

function actionOf(name = "", errno = EPERM): number {
  if (errno > 0xffff) throw new Failure(`${errno} in the seccomp profile is no errno`);
  const actions: Record<string, number> = {
    SCMP_ACT_KILL: RET.killThread,
    SCMP_ACT_KILL_THREAD: RET.killThread,
    SCMP_ACT_KILL_PROCESS: RET.killProcess,
    SCMP_ACT_TRAP: RET.trap,
    SCMP_ACT_ERRNO: RET.errno(errno),
    SCMP_ACT_TRACE: RET.trace(errno),
    SCMP_ACT_LOG: RET.log,
    SCMP_ACT_ALLOW: RET.allow,
  };
  if (name === "SCMP_ACT_NOTIFY") {
    throw new Failure("SCMP_ACT_NOTIFY in the seccomp profile needs a listener, and there is none here");
  }
  if (actions[name] === undefined) throw new Failure(`string ${name} is not a valid action for seccomp`);
  return actions[name];
}

function counts({ includes, excludes }: Rule, capabilities: number[]): boolean {
  const has = (name: string) => {
    const number = capabilityNumber(name.replace(/^CAP_/, ""));
    return number !== undefined && capabilities.includes(number);
  };
  const here = ({ arches }: Filter) => arches!.includes(PLATFORM.arch);
  if (excludes?.arches?.length && here(excludes)) return false;
  if (excludes?.caps?.some(has)) return false;
  if (excludes?.minKernel && isAtLeast(excludes.minKernel)) return false;
  if (includes?.arches?.length && !here(includes)) return false;
  if (includes?.caps && !includes.caps.every(has)) return false;
  return !includes?.minKernel || isAtLeast(includes.minKernel);
}

function isAtLeast(version: string): boolean {
  const match = /^(\d+)\.(\d+)$/.exec(version);
  if (match) return kernelAtLeast(Number(match[1]), Number(match[2]));
  throw new Failure(
    `Decoding seccomp profile failed: invalid kernel version: "${version}", expected "<kernel>.<major>"`,
  );
}

/**
 * The conditions of a rule must all hold; but if two are about one argument, any one of the rule's conditions
 * suffices (as in runc).
 */
function alternatives(args: Argument[]): Condition[][] {
  const conditions = args.map(conditionOf);
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  return repeated ? conditions.map((condition) => [condition]) : [conditions];
}

function conditionOf({ index, op, value = 0n, valueTwo = 0n }: Argument): Condition {
  if (index > 5) {
    throw new Failure(`seccomp profile: syscalls only have up to 6 arguments (index ${index} given)`);
  }
  if (op === "SCMP_CMP_MASKED_EQ") return { argument: index, operator: "&==", mask: value, value: valueTwo };
  const operators: Record<string, Condition["operator"]> = {
    SCMP_CMP_NE: "!=",
    SCMP_CMP_LT: "<",
    SCMP_CMP_LE: "<=",
    SCMP_CMP_EQ: "==",
    SCMP_CMP_GE: ">=",
    SCMP_CMP_GT: ">",
  };
  if (!operators[op]) throw new Failure(`string ${op} is not a valid operator for seccomp`);
  return { argument: index, operator: operators[op], value };
}

/** The machine's own ABI, and those that the profile names. */
function abisOf({ architectures, archMap }: Profile): Abi[] {
  if (architectures?.length && archMap?.length) {
    throw new Failure(
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const own = OWN[Deno.build.arch];
  const entry = archMap?.find(({ architecture }) => architecture === `SCMP_ARCH_${own}`);
  const named = [...architectures ?? [], ...entry?.subArchitectures ?? []].map((name) => {
    const abi = name.replace(/^SCMP_ARCH_/, "");
    if (abi !== name && (ABIS.includes(abi) || FOREIGN.test(abi))) return abi;
    throw new Failure(`string ${name} is not a valid arch for seccomp`);
  });
  return [own, ...named.filter((abi) => ABIS.includes(abi)) as Abi[]];
}
