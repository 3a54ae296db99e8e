// Options of docker's volume driver "local": the volume is a mount of its own (mount(8): -t type -o o
// device). It is mounted in each container that uses it, detached like all mounts here, and nowhere on the
// host.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { changeMount, cloneMount, mountDetached, MS_BIND, MS_REC } from "../../ffi/mount.ts";
import { Failure } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { attributesOf, fileSystemOptions } from "./mount_flags.ts";
import { MOUNT_FLAGS } from "../model/mount_flags.ts";

/** "type", "o" and "device" as the user gave them. */
export type LocalOptions = Record<string, string>;

/** Throws Failure in docker's words for invalid options of the volume `name`. */
export function checkLocalOptions(name: string, options: LocalOptions): void {
  const fail = (problem: string): never => {
    throw new Failure(`create ${name}: ${problem}`);
  };
  for (const key of Object.keys(options)) {
    if (key === "size") fail("quota size requested but no quota support");
    if (!["type", "o", "device"].includes(key)) fail(`invalid option: ${goQuote(key)}`);
  }
  if (Object.keys(options).length === 0) return;
  for (const key of ["device", "type"]) {
    if (!(key in options)) fail(`missing required option: ${goQuote(key)}`);
  }
}

/** Whether the volume is a mount. Without values, it is a plain directory. */
export function isMounted(options: LocalOptions | undefined): options is LocalOptions {
  return options !== undefined && (options.type !== "" || options.device !== "");
}

/** Whether the content is lost when the volume is unmounted. */
export function isVolatile({ type }: LocalOptions): boolean {
  return ["tmpfs", "ramfs"].includes(type);
}

interface Parsed {
  /** MS_BIND, MS_REC and the flags in MOUNT_FLAGS. */
  flags: number;
  /** Options for the file system. */
  data: string[];
}

const BINDS: Record<string, number> = { bind: MS_BIND, rbind: MS_BIND | MS_REC };

function parse(text: string): Parsed {
  let flags = 0;
  const data: string[] = [];
  for (const option of text.split(",").filter((option) => option !== "" && option !== "defaults")) {
    if (Object.hasOwn(BINDS, option)) flags |= BINDS[option];
    else if (Object.hasOwn(MOUNT_FLAGS, option)) {
      const [bit, set] = MOUNT_FLAGS[option];
      flags = set ? flags | bit : flags & ~bit;
    } else if (!["private", "rprivate"].includes(option)) data.push(option);
  }
  return { flags, data };
}

/**
 * Mounts the volume, detached. `shown` is the path for error messages. Throws Failure in docker's words.
 */
export async function mountLocal(options: LocalOptions, shown: string): Promise<number> {
  const { type, device, o = "" } = options;
  const { flags, data } = parse(o);
  if (/^(nfs4?|cifs|smb3)$/.test(type)) await resolveAddress(data);
  try {
    return flags & MS_BIND ? bind(device, flags) : mountFileSystem(type, device, flags, data);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const details = [
      `mount ${device}:${shown}`,
      ...(flags ? [`flags: 0x${flags.toString(16)}`] : []),
      ...(data.length > 0 ? [`data: ${data.join(",")}`] : []),
    ].join(", ");
    const why = errnoText(error.code) + (error.hint ? ` (${error.hint})` : "");
    throw new Failure(
      `error while mounting volume '${shown}': failed to mount local volume: ${details}: ${why}`,
      { cause: error },
    );
  }
}

function bind(device: string, flags: number): number {
  const mount = cloneMount(file.AT_FDCWD, device, (flags & MS_REC) !== 0);
  try {
    changeMount(mount, { set: attributesOf(flags) });
    return mount;
  } catch (error) {
    file.close(mount);
    throw error;
  }
}

function mountFileSystem(type: string, device: string, flags: number, data: string[]): number {
  const options = data.map((option): [string, string?] => {
    const equals = option.indexOf("=");
    return equals < 0 ? [option] : [option.slice(0, equals), option.slice(equals + 1)];
  });
  const all: [string, string?][] = [["source", device], ...fileSystemOptions(flags), ...options];
  return mountDetached(type, all, attributesOf(flags));
}

/** The kernel accepts no host name as server address. */
async function resolveAddress(data: string[]): Promise<void> {
  const at = data.findIndex((option) => option.startsWith("addr="));
  const name = data[at]?.slice("addr=".length);
  if (name === undefined || /^[\d.]+$|:/.test(name)) return;
  try {
    const [address] = await Deno.resolveDns(name, "A");
    data[at] = `addr=${address}`;
  } catch (error) {
    throw new Failure(
      `error resolving passed in network volume address: lookup ${name}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
