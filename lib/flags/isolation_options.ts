// Parses the flags of isolation_flags.ts as docker does, with its error messages.

import type { Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { parseBytes } from "../base/human.ts";
import { RLIMITS } from "../security/rlimits.ts";
import type { Device, IsolationConfig, Ulimit } from "../model/container.ts";
import { isCapability } from "../security/capability_names.ts";

/**
 * See isolationOptions (isolation_flags.ts). Flags that are not given are missing or undefined in the result.
 */
export function parseIsolation(parsed: Parsed): IsolationConfig {
  const list = <T>(name: string, read: (text: string) => T) => {
    const texts = parsed.list(name);
    return texts.length > 0 ? texts.map(read) : undefined;
  };
  const capabilities = (flag: string, field: string) =>
    list(flag, (text) => capability(text, field)) as string[] | undefined;
  const mode = (flag: string) => {
    const text = parsed.text(flag);
    return text === "" || text === "private" ? undefined : text;
  };
  // In docker's order: mistakes in flags are reported before what the daemon refuses.
  const read = {
    deviceCgroupRules: list("device-cgroup-rule", deviceRule),
    sysctls: fromEntries(list("sysctl", sysctl)),
    ulimits: ulimits(list("ulimit", ulimit)),
    shmSize: shmSize(parsed),
    devices: list("device", device),
  };
  for (const flag of ["pid", "uts", "cgroupns"]) checkMode(flag, parsed.text(flag));
  return {
    ...read,
    privileged: parsed.bool("privileged") || undefined,
    capAdd: sorted(capabilities("cap-add", "CapAdd")),
    capDrop: sorted(capabilities("cap-drop", "CapDrop")),
    groupAdd: list("group-add", (text) => text),
    pidMode: mode("pid"),
    ipcMode: ipcMode(parsed.text("ipc")),
    utsMode: utsMode(parsed, mode("uts")),
    cgroupnsMode: mode("cgroupns"),
    oomScoreAdj: oomScore(parsed.int("oom-score-adj")),
  };
}

const sorted = (names: string[] | undefined) => names && [...new Set(names)].sort();
const fromEntries = (entries: [string, string][] | undefined) => entries && Object.fromEntries(entries);

function invalid(flag: string, text: string, why: string): Refusal {
  return new Refusal(`invalid argument ${goQuote(text)} for "--${flag}" flag: ${why}`);
}

/** In upper or lower case, with or without "CAP_". */
function capability(text: string, field: string): string {
  const upper = text.toUpperCase();
  if (upper === "ALL") return upper;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (isCapability(name)) return name;
  throw new Refusal(`invalid ${field}: unknown capability: ${goQuote(name)}`);
}

/** HOST[:CONTAINER][:ACCESS] */
function device(text: string): Device {
  const [source, ...rest] = text.split(":");
  if (rest.length > 2 || source === "") throw new Refusal(`bad format for path: ${text}`);
  if (rest.length === 2 && !isAccess(rest[1])) throw new Refusal(`bad mode specified: ${rest[1]}`);
  const onlyAccess = rest.length === 1 && isAccess(rest[0]);
  const target = onlyAccess ? source : rest[0] ?? source;
  if (!target.startsWith("/")) throw new Refusal(`${target} is not an absolute path`);
  return { source, target, access: (onlyAccess ? rest[0] : rest[1]) ?? "rwm" };
}

/** Each letter of "rwm" at most once. */
const isAccess = (text: string) => /^(?!.*(.).*\1)[rwm]+$/.test(text);

function deviceRule(text: string): string {
  if (/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) return text;
  throw invalid("device-cgroup-rule", text, `invalid device cgroup format '${text}'`);
}

/** Parameters of the IPC namespace; all of the network's and of message queues' are allowed. */
const SYSCTLS = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];

function sysctl(text: string): [string, string] {
  const [name, value] = text.split(/=(.*)/s);
  const known = SYSCTLS.includes(name.replace(/^kernel\./, "")) && name.startsWith("kernel.");
  // As a path, dots become slashes, so no name leads out of the namespace's own directory.
  if (value !== undefined && (known || name.startsWith("net.") || name.startsWith("fs.mqueue."))) {
    return [name, value];
  }
  throw invalid("sysctl", text, `sysctl '${text}' is not allowed`);
}

function ulimit(text: string): Ulimit {
  const [name, values] = text.split(/=(.*)/s);
  if (values === undefined) throw invalid("ulimit", text, `invalid ulimit argument: ${text}`);
  if (!Object.hasOwn(RLIMITS, name)) throw invalid("ulimit", text, `invalid ulimit type: ${name}`);
  const limits = values.split(":");
  if (limits.length > 2) {
    const why = `too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``;
    throw invalid("ulimit", text, why);
  }
  const [soft, hard = soft] = limits.map((limit) => {
    if (!/^[+-]?\d+$/.test(limit)) {
      throw invalid("ulimit", text, `strconv.ParseInt: parsing ${goQuote(limit)}: invalid syntax`);
    }
    if (BigInt.asIntN(64, BigInt(limit.replace("+", ""))) !== BigInt(limit.replace("+", ""))) {
      throw invalid("ulimit", text, `strconv.ParseInt: parsing ${goQuote(limit)}: value out of range`);
    }
    return Number(limit);
  });
  const order = "ulimit soft limit must be less than or equal to hard limit:";
  if (hard !== -1 && soft === -1) {
    throw invalid("ulimit", text, `${order} soft: -1 (unlimited), hard: ${hard}`);
  }
  if (hard !== -1 && soft > hard) throw invalid("ulimit", text, `${order} ${soft} > ${hard}`);
  return { name, soft, hard };
}

/** The last of several with the same name counts. */
function ulimits(given: Ulimit[] | undefined): Ulimit[] | undefined {
  const byName = new Map(given?.map((limit) => [limit.name, limit]));
  return given && [...byName.keys()].sort().map((name) => byName.get(name)!);
}

function shmSize(parsed: Parsed): number | undefined {
  const text = parsed.text("shm-size");
  if (text === undefined) return undefined;
  try {
    return parseBytes(text) || undefined;
  } catch (error) {
    throw invalid("shm-size", text, (error as Error).message);
  }
}

function checkMode(flag: string, text = ""): void {
  if (/^(|host|private|container:.+)$/.test(text)) return;
  const kind = { pid: "PID", uts: "UTS", cgroupns: "CGROUP" }[flag];
  throw new Refusal(`--${flag}: invalid ${kind} mode`);
}

function ipcMode(text: string | undefined): string | undefined {
  if (!text || text === "private") return undefined;
  if (!/^(host|shareable|none|container:.*)$/s.test(text)) {
    throw new Refusal(`Invalid IPC mode: ${text}`);
  }
  if (text === "container:") {
    throw new Refusal(`can't join IPC of container : invalid name or ID supplied: ""`);
  }
  return text;
}

function utsMode(parsed: Parsed, mode: string | undefined): string | undefined {
  if (mode !== undefined && parsed.text("hostname")) {
    throw new Refusal("conflicting options: hostname and the UTS mode");
  }
  return mode;
}

function oomScore(value: number | undefined): number | undefined {
  if (value !== undefined && Math.abs(value) > 1000) {
    throw new Refusal(`Invalid value ${value}, range for oom score adj is [-1000, 1000]`);
  }
  return value;
}
