// Facts about the host that matter to containers.

import { VERSION } from "../base/version.ts";

/** OS and architecture by the names that images and docker use. */
export const PLATFORM = {
  os: "linux",
  arch: { x86_64: "amd64", aarch64: "arm64" }[Deno.build.arch as string] ?? Deno.build.arch,
};

/** One line of /proc/self/mountinfo (proc(5)), with the fields that are used here. */
export interface MountInfo {
  /** "major:minor" of the file system. */
  device: string;
  /** The directory within the file system that is mounted. */
  root: string;
  path: string;
  /** Whether the mount is read-only; the file system may be so, too (options). */
  readOnly: boolean;
  type: string;
  /** Options of the file system, not of the mount. */
  options: string[];
}

/** The mounts that this process sees. */
export function mountTable(): MountInfo[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").trimEnd().split("\n").map((line) => {
    const [mount, system] = line.split(" - ", 2).map((half) => half.split(" "));
    return {
      device: mount[2],
      root: mount[3],
      path: mount[4],
      readOnly: mount[5].split(",").includes("ro"),
      type: system[0],
      options: system[2].split(","),
    };
  });
}

/** The kind of cgroups: v1 and v2 side by side are "hybrid". Controllers have the kernel's names. */
export interface Cgroups {
  layout: "v1" | "v2" | "hybrid" | "none";
  controllers: Set<string>;
  /** Mount points of hierarchies that are mounted read-only. */
  readOnly: string[];
}

/** Derives the kind of cgroups from the mounts; see cgroups(7). */
export function cgroups(mounts: MountInfo[]): Cgroups {
  const first = mounts.filter((mount) => mount.type === "cgroup");
  const second = mounts.find((mount) => mount.type === "cgroup2");
  // Other mount options ("rw", "xattr") are in the set too; nobody looks them up.
  const controllers = new Set(first.flatMap((mount) => mount.options));
  for (const name of readIfAny(`${second?.path}/cgroup.controllers`)?.trim().split(" ") ?? []) {
    controllers.add(name);
  }
  const all = second ? [...first, second] : first;
  const readOnly = all.filter((mount) => mount.readOnly || mount.options.includes("ro")).map(({ path }) =>
    path
  );
  if (second) return { layout: first.length > 0 ? "hybrid" : "v2", controllers, readOnly };
  return { layout: first.length > 0 ? "v1" : "none", controllers, readOnly };
}

/** A file's text; undefined where it can't be read. */
export function readIfAny(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** "Debian GNU/Linux 12 (bookworm)" from os-release(5). */
export function operatingSystem(): string {
  const text = readIfAny("/etc/os-release") ?? readIfAny("/usr/lib/os-release") ?? "";
  return /^PRETTY_NAME=["']?([^"'\n]*)/m.exec(text)?.[1] ?? "Linux";
}

/** The versions of mydocker and of what it runs on. */
export const VERSIONS = { mydocker: VERSION, ...Deno.version };
