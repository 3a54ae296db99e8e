// Parses and checks the JSON of docker's profile files (--security-opt seccomp=FILE).

import { Failure } from "../base/error.ts";

export interface Profile {
  defaultAction?: string;
  defaultErrnoRet?: number;
  /** Architectures (SCMP_ARCH_) for any machine; or archMap, of which the machine's own entry is used. */
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  flags?: string[];
  syscalls?: Rule[];
}

/** The action for some calls; `name` is the old form of `names`. */
export interface Rule {
  names?: string[];
  name?: string;
  action?: string;
  errnoRet?: number;
  args?: Argument[] | null;
  includes?: Filter | null;
  excludes?: Filter | null;
}

export interface Argument {
  index: number;
  value: bigint;
  valueTwo?: bigint;
  op: string;
}

/**
 * The condition for a rule: any of these architectures (Go's names), all these capabilities, at least this
 * Linux version.
 */
export interface Filter {
  caps?: string[] | null;
  arches?: string[] | null;
  minKernel?: string;
}

type Check = (value: unknown, at: string) => void;

/**
 * Parses a profile; null stands for a missing field, as in Go. Throws Failure that says what is wrong
 * and where.
 */
export function parseProfile(text: string, path: string): Profile {
  let profile: unknown;
  try {
    // Values have 64 bits, more than a number holds exactly.
    profile = JSON.parse(
      text,
      function (this: unknown, key, value, context?: { source: string }) {
        const isInteger = typeof value === "number" && /^\d+$/.test(context?.source ?? "");
        return isInteger && (key === "value" || key === "valueTwo") ? BigInt(context!.source) : value;
      } as (key: string, value: unknown) => unknown,
    );
  } catch (error) {
    throw new Failure(`compacting json for seccomp profile (${path}) failed: ${(error as Error).message}`);
  }
  const fail = (at: string, wanted: string): never => {
    throw new Failure(
      `Decoding seccomp profile failed: ${at || "the profile"} is not ${wanted} (in ${path})`,
    );
  };
  checks(fail)(profile, "");
  return profile as Profile;
}

/** JSON without blanks between its parts. Every number stays as it is written. */
export function compact(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
}

function checks(fail: (at: string, wanted: string) => never): Check {
  const text: Check = (value, at) => {
    if (typeof value !== "string") fail(at, "a string");
  };
  const value: Check = (value, at) => {
    if (typeof value !== "bigint" || value > 0xffffffffffffffffn) fail(at, "a whole number of 64 bits");
  };
  const small: Check = (value, at) => {
    if (!Number.isInteger(value) || (value as number) < 0) fail(at, "a whole number from 0 on");
  };
  const list = (check: Check): Check => (value, at) => {
    if (!Array.isArray(value)) return fail(at, "a list");
    value.forEach((element, index) => check(element, `${at}[${index}]`));
  };
  const object = (fields: Record<string, Check>): Check => (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(at, "an object");
    for (const [name, field] of Object.entries(value)) {
      if (field !== null) fields[name]?.(field, at ? `${at}.${name}` : name);
    }
  };
  const filter = object({ caps: list(text), arches: list(text), minKernel: text });
  const args = list(object({ index: small, value, valueTwo: value, op: text }));
  const rule = object({
    names: list(text),
    name: text,
    action: text,
    errnoRet: small,
    args,
    includes: filter,
    excludes: filter,
  });
  return object({
    defaultAction: text,
    defaultErrnoRet: small,
    architectures: list(text),
    flags: list(text),
    archMap: list(object({ architecture: text, subArchitectures: list(text) })),
    syscalls: list(rule),
  });
}
