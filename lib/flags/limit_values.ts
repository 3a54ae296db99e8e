// Parses the values of limits as docker's command line does.

import type { DeviceLimit, Limits } from "../cgroup/limits.ts";
import type { Flag, Parsed } from "../cli/command.ts";
import { Failure, Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { parseBytes } from "../base/human.ts";

/** Parses those of `flags` that are given; 0 and "" mean no limit. Throws Refusal in docker's words. */
export function readLimits(parsed: Parsed, flags: Flag[]): Limits {
  const known = (name: string) => flags.some((flag) => flag.name === name);
  const given = (name: string) => known(name) ? parsed.text(name) || undefined : undefined;
  const number = (name: string) => parsed.int(name) || undefined;
  const bytes = (name: string) => inFlag(flags, name, given(name), parseBytes) || undefined;
  const devices = (name: string, read: (text: string) => DeviceLimit) => {
    if (!known(name) || !parsed.given(name)) return undefined;
    return parsed.list(name).map((text) => inFlag(flags, name, text, read)!);
  };
  const limits: Limits = {
    memory: bytes("memory"),
    memorySwap: given("memory-swap") === "-1" ? -1 : bytes("memory-swap"),
    memoryReservation: bytes("memory-reservation"),
    nanoCpus: inFlag(flags, "cpus", given("cpus"), parseCpus) || undefined,
    cpuShares: number("cpu-shares"),
    cpuPeriod: number("cpu-period"),
    cpuQuota: number("cpu-quota"),
    cpusetCpus: given("cpuset-cpus"),
    cpusetMems: given("cpuset-mems"),
    pidsLimit: number("pids-limit"),
    blkioWeight: inFlag(flags, "blkio-weight", given("blkio-weight"), parseWeight) || undefined,
    blkioWeightDevice: devices("blkio-weight-device", parseDeviceWeight),
    deviceReadBps: devices("device-read-bps", parseDeviceBytes),
    deviceWriteBps: devices("device-write-bps", parseDeviceBytes),
    deviceReadIops: devices("device-read-iops", parseDeviceOperations),
    deviceWriteIops: devices("device-write-iops", parseDeviceOperations),
    oomKillDisable: known("oom-kill-disable") && parsed.bool("oom-kill-disable") || undefined,
    cgroupParent: given("cgroup-parent"),
  };
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** Calls `read` for a flag's value, and adds the flag's name to a Refusal. */
function inFlag<T>(
  flags: Flag[],
  name: string,
  text: string | undefined,
  read: (text: string) => T,
): T | undefined {
  if (text === undefined) return undefined;
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const short = flags.find((flag) => flag.name === name)?.short;
    const flag = short ? `-${short}, --${name}` : `--${name}`;
    throw new Refusal(`invalid argument ${goQuote(text)} for "${flag}" flag: ${error.message}`);
  }
}

/** Billionths of a CPU, from one of Go's rational numbers: "0.5", "1/2", "5e-1". */
function parseCpus(text: string): number {
  const match = /^([+-]?)(?:(\d+)\/(\d+)|(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?)$/i.exec(text);
  const [, sign, over, under, whole = "", fraction = "", exponent = "0"] = match ?? [];
  if (!match || (over === undefined && whole + fraction === "") || Number(under) === 0) {
    throw new Refusal(`failed to parse ${text} as a rational number`);
  }
  const power = 9 + Number(exponent) - fraction.length;
  const value = over !== undefined
    ? BigInt(over) * 10n ** 9n
    : BigInt(whole + fraction) * 10n ** BigInt(Math.max(power, 0));
  const divisor = over !== undefined ? BigInt(under) : 10n ** BigInt(Math.max(-power, 0));
  if (value % divisor !== 0n) throw new Refusal("value is too precise");
  return Number(value / divisor) * (sign === "-" ? -1 : 1);
}

/** Go's uint16. */
function parseWeight(text: string): number {
  const problem = (why: string) => new Refusal(`strconv.ParseUint: parsing ${goQuote(text)}: ${why}`);
  if (!/^\d+$/.test(text)) throw problem("invalid syntax");
  if (Number(text) > 0xffff) throw problem("value out of range");
  return Number(text);
}

/** [path, rest] of "/dev/sda:rest". */
function deviceAnd(text: string): [string, string] {
  const colon = text.indexOf(":");
  if (colon < 0) throw new Refusal(`bad format: ${text}`);
  if (!text.startsWith("/dev/")) throw new Refusal(`bad format for device path: ${text}`);
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function parseDeviceWeight(text: string): DeviceLimit {
  const [path, rest] = deviceAnd(text);
  const value = /^\d{1,5}$/.test(rest) ? Number(rest) : -1;
  if (value !== 0 && (value < 10 || value > 1000)) {
    throw new Refusal(`invalid weight for device: ${text}`);
  }
  return { path, value };
}

const RATE = "The correct format is <device-path>:<number>";

function parseDeviceBytes(text: string): DeviceLimit {
  const [path, rest] = deviceAnd(text);
  try {
    return { path, value: parseBytes(rest) };
  } catch (error) {
    throw new Refusal(
      `invalid rate for device: ${text}. ${RATE}[<unit>]. Number must be a positive integer. ` +
        "Unit is optional and can be kb, mb, or gb",
      { cause: error },
    );
  }
}

function parseDeviceOperations(text: string): DeviceLimit {
  const [path, rest] = deviceAnd(text);
  if (/^\d{1,15}$/.test(rest)) return { path, value: Number(rest) };
  throw new Refusal(`invalid rate for device: ${text}. ${RATE}. Number must be a positive integer`);
}
