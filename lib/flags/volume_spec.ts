// Parses -v, --mount and --tmpfs, with docker's error messages.

import { Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { cleanPath, type MountFields, readMountFields } from "./mount_fields.ts";
import type { Mount, Propagation } from "../model/container.ts";
import { checkVolumeName } from "../model/volume_name.ts";
import { MOUNT_FLAGS, MS } from "../model/mount_flags.ts";

export { cleanPath };

/**
 * A requested mount, before an anonymous volume has a name, and before the host's directory was checked. A
 * source that begins with "." is relative to the caller's directory.
 */
export interface MountRequest extends Mount {
  /** volume: labels, and options of its driver, that it gets if this creates it. */
  labels?: Record<string, string>;
  volumeOptions?: Record<string, string>;
  /** Any other mount at the same target replaces it: an image's VOLUME, and -v with only a target. */
  yields?: boolean;
}

/** Values of the three flags, in the order of the command line. */
export interface MountFlags {
  volumes: string[];
  mounts: string[];
  tmpfs: string[];
}

const TMPFS_FLAGS = MS.nosuid | MS.nodev | MS.noexec;

/** The options of tmpfs itself (tmpfs(5)), with their possible values. */
const TMPFS_DATA: Record<string, RegExp> = {
  size: /^\d+[kmgtpe%]?$/i,
  nr_blocks: /^\d+[kmgtpe]?$/i,
  nr_inodes: /^\d+[kmgtpe]?$/i,
  mode: /^[0-7]+$/,
  uid: /^\d+$/,
  gid: /^\d+$/,
  mpol: /^.+$/,
};

/** The kinds of modes in -v SRC:DST:MODE, which may have one of each kind. */
const MODE_KINDS: string[][] = [
  ["ro", "rw"],
  ["z", "Z"],
  ["nocopy"],
  ["consistent", "cached", "delegated", "default"],
  ["shared", "rshared", "slave", "rslave", "private", "rprivate"],
];
const PROPAGATIONS = MODE_KINDS[4];

/**
 * The problem that docker's daemon finds with a mount, or undefined. `extra`: a given option of another type
 * of mount.
 */
function problemOf(type: string, source: string, target: string, extra?: string): string | undefined {
  const detail = targetProblem(target) ?? typeProblem(type, source) ??
    (extra && `field ${extra} must not be specified`);
  return detail && `invalid mount config for type ${goQuote(type)}: ${detail}`;
}

function targetProblem(target: string): string | undefined {
  if (target.startsWith("/") && cleanPath(target) === "/") {
    return "invalid specification: destination can't be '/'";
  }
  if (/^\/proc(\/|$)/.test(cleanPath(target))) {
    return "invalid specification: destination can't be inside /proc";
  }
  return target.startsWith("/") ? undefined : notAbsolute(target);
}

function notAbsolute(path: string): string {
  return `invalid mount path: '${path}' mount path must be absolute`;
}

function typeProblem(type: string, source: string): string | undefined {
  if (!["bind", "volume", "tmpfs"].includes(type)) return "mount type unknown";
  if (type === "tmpfs" && source !== "") return "field Source must not be specified";
  if (type !== "bind") return undefined;
  if (source === "") return "field Source must not be empty";
  return isPath(source) ? undefined : notAbsolute(source);
}

/** Whether a source is a path of the host: docker's command makes "./x" absolute. */
const isPath = (source: string) => source.startsWith("/") || source.startsWith(".");

/** The options in a -v mode; undefined if it is invalid. */
function modeOptions(mode: string): string[] | undefined {
  if (mode === "") return [];
  const options = mode.split(",");
  const kinds = options.map((option) => MODE_KINDS.findIndex((kind) => kind.includes(option)));
  return kinds.includes(-1) || new Set(kinds).size < kinds.length ? undefined : options;
}

const cleaned = (source: string) => source.startsWith("/") ? cleanPath(source) : source;

/** Parses a value of -v: [SRC:]DST[:MODE]. Throws Refusal. */
export function parseVolume(text: string): MountRequest {
  const parts = text.split(":");
  const invalid = `invalid volume specification: '${text}'`;
  const modeForTarget = parts.length === 2 && modeOptions(parts[1]) !== undefined;
  if (parts[0] === "" || parts.length > 3 || modeForTarget) throw new Refusal(invalid);
  if (parts.length === 1) return yieldingVolume(text);
  const [source, target, mode = ""] = parts;
  if (parts.length === 3 && mode === "") {
    throw new Refusal(`invalid spec: ${text}: empty section between colons`);
  }
  const options = modeOptions(mode);
  if (!options) throw new Refusal(`invalid mode: ${mode}`);
  const type = isPath(source) ? "bind" : "volume";
  const propagation = options.find((option) => PROPAGATIONS.includes(option));
  const noCopy = options.includes("nocopy");
  const extra = type === "bind" ? noCopy && "VolumeOptions" : propagation && "BindOptions";
  const problem = problemOf(type, source, target, extra || undefined);
  if (problem) throw new Refusal(`${invalid}: ${problem}`);
  const common = { target: cleanPath(target), readOnly: options.includes("ro") };
  if (type === "bind") {
    return { type, source: cleaned(source), ...common, createSource: true, ...propagated(propagation) };
  }
  checkVolumeName(source);
  return { type, source, ...common, ...(noCopy && { noCopy }) };
}

/** docker makes the target of such a volume absolute. */
function yieldingVolume(path: string): MountRequest {
  const target = cleanPath(path);
  const problem = problemOf("volume", "", target);
  if (problem) throw new Refusal(`invalid volume specification: '${path}': ${problem}`);
  return { type: "volume", source: "", target, readOnly: false, anonymous: true, yields: true };
}

/** Parses a value of --mount: comma-separated key=value pairs. Throws Refusal. */
export function parseMount(text: string): MountRequest {
  const fields = readMountFields(text);
  const { type, source, target, readOnly } = fields;
  const problem = problemOf(type, source, target);
  if (problem) throw new Refusal(problem);
  const common = { target: cleanPath(target), readOnly };
  if (type === "bind") return { type, source: cleaned(source), ...common, ...bindOptions(fields) };
  if (type === "tmpfs") return { type, source: "", ...common, data: tmpfsData(fields), flags: TMPFS_FLAGS };
  if (source !== "") checkVolumeName(source);
  else if (readOnly) {
    const why = "must not set ReadOnly mode when using anonymous volumes";
    throw new Refusal(`invalid mount config for type "volume": ${why}`);
  }
  const volume: MountRequest = { type: "volume", source, ...common };
  if (source === "") volume.anonymous = true;
  if (fields.noCopy) volume.noCopy = true;
  if (fields.labels) volume.labels = fields.labels;
  if (fields.volumeOptions) volume.volumeOptions = fields.volumeOptions;
  return volume;
}

type BindOptions = Pick<Mount, "propagation" | "nonRecursive" | "writableBelow">;

function bindOptions({ propagation, nonRecursive, writableBelow }: MountFields): BindOptions {
  if (propagation && !PROPAGATIONS.includes(propagation)) {
    throw new Refusal(
      `invalid mount config for type "bind": invalid propagation mode: ${propagation}`,
    );
  }
  return {
    ...propagated(propagation),
    ...(nonRecursive && { nonRecursive }),
    ...(writableBelow && { writableBelow }),
  };
}

/** Only differences from the default are recorded. */
function propagated(propagation: string | undefined): BindOptions {
  return propagation && propagation !== "rprivate" ? { propagation: propagation as Propagation } : {};
}

function tmpfsData(fields: { tmpfsSize?: number; tmpfsMode?: number }): string {
  const data: string[] = [];
  if (fields.tmpfsSize) data.push(`size=${fields.tmpfsSize}`);
  if (fields.tmpfsMode) data.push(`mode=${fields.tmpfsMode.toString(8)}`);
  return data.join(",");
}

/**
 * Parses a value of --tmpfs: PATH[:OPTIONS]. Without mode=, the caller sets the mode of the directory it
 * covers, or 1777 if there is none. Throws Refusal.
 */
export function parseTmpfs(text: string): MountRequest {
  const colon = text.indexOf(":");
  const target = colon < 0 ? text : text.slice(0, colon);
  const problem = targetProblem(target);
  if (problem) throw new Refusal(problem);
  let flags = TMPFS_FLAGS;
  const data = new Map<string, string>();
  const options = colon < 0 || colon === text.length - 1 ? [] : text.slice(colon + 1).split(",");
  for (const option of options) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(option)!;
    if (value === undefined && option === "defaults") continue;
    if (value === undefined && Object.hasOwn(MOUNT_FLAGS, option)) {
      const [bit, set] = MOUNT_FLAGS[option];
      flags = set ? flags | bit : flags & ~bit;
    } else if (value !== undefined && Object.hasOwn(TMPFS_DATA, name) && TMPFS_DATA[name].test(value)) {
      data.set(name, value);
    } else {
      const words = value === undefined ? [name] : [name, value];
      throw new Refusal(`invalid tmpfs option [${words.map(goQuote).join(" ")}]`);
    }
  }
  return {
    type: "tmpfs",
    source: "",
    target: cleanPath(target),
    readOnly: (flags & 1) !== 0,
    data: [...data].map(([name, value]) => `${name}=${value}`).join(","),
    flags: flags & ~1,
  };
}

/**
 * Parses the three flags, with docker's tolerance for repetition. Throws Refusal, also for two mounts at the
 * same target.
 */
export function collectMounts(flags: MountFlags): MountRequest[] {
  // docker keeps -v in a set, and --tmpfs in a map by path where the last one wins.
  const volumes = [...new Set(flags.volumes)].map(parseVolume);
  const tmpfs = new Map(flags.tmpfs.map((text) => [text.split(":", 1)[0], text]));
  const mounts = [...volumes, ...flags.mounts.map(parseMount), ...[...tmpfs.values()].map(parseTmpfs)];
  const targets = new Set<string>();
  for (const { target } of mounts.filter(({ yields }) => !yields)) {
    if (targets.has(target)) throw new Refusal(`Duplicate mount point: ${target}`);
    targets.add(target);
  }
  return mounts;
}

/**
 * All mounts of a container, parents before children: the requested ones, and an anonymous volume for each of
 * the image's VOLUME paths without a mount. Throws Refusal for an invalid path.
 */
export function withImageVolumes(asked: MountRequest[], imageVolumes: string[]): MountRequest[] {
  const byTarget = new Map(asked.filter(({ yields }) => !yields).map((mount) => [mount.target, mount]));
  const yielding = [...asked.filter(({ yields }) => yields), ...imageVolumes.map(yieldingVolume)];
  for (const { yields: _, ...mount } of yielding) {
    if (!byTarget.has(mount.target)) byTarget.set(mount.target, mount);
  }
  const depth = (mount: Mount) => mount.target.split("/").length;
  return [...byTarget.values()].sort((a, b) => depth(a) - depth(b) || (a.target < b.target ? -1 : 1));
}
