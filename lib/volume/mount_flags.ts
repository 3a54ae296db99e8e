// Options of a mount that every file system has (mount(8)), by their names and MS_ flags.

import { MOUNT_ATTR } from "../../ffi/mount.ts";

export const MS = { nosuid: 2, nodev: 4, noexec: 8 };

/** The bit of an option, and whether the name sets or clears it. */
export const MOUNT_FLAGS: Record<string, [bit: number, set: boolean]> = {
  ro: [1, true],
  rw: [1, false],
  nosuid: [MS.nosuid, true],
  suid: [MS.nosuid, false],
  nodev: [MS.nodev, true],
  dev: [MS.nodev, false],
  noexec: [MS.noexec, true],
  exec: [MS.noexec, false],
  sync: [16, true],
  async: [16, false],
  dirsync: [128, true],
  noatime: [1024, true],
  atime: [1024, false],
  nodiratime: [2048, true],
  diratime: [2048, false],
  relatime: [1 << 21, true],
  norelatime: [1 << 21, false],
  strictatime: [1 << 24, true],
  nostrictatime: [1 << 24, false],
};

const ATTRIBUTES: [bit: number, attribute: number][] = [
  [1, MOUNT_ATTR.readOnly],
  [MS.nosuid, MOUNT_ATTR.noSuid],
  [MS.nodev, MOUNT_ATTR.noDev],
  [MS.noexec, MOUNT_ATTR.noExec],
  [1024, MOUNT_ATTR.noAtime],
  [2048, MOUNT_ATTR.noDirAtime],
  [1 << 24, MOUNT_ATTR.strictAtime],
];

/** Those that are attributes of the mount (MOUNT_ATTR). */
export function attributesOf(flags: number): number {
  return ATTRIBUTES.reduce((all, [bit, attribute]) => flags & bit ? all | attribute : all, 0);
}

/** Those that are options of the file system, whichever it is (fsconfig(2)). */
export function fileSystemOptions(flags: number): [string][] {
  const options: [string][] = [];
  if (flags & 16) options.push(["sync"]);
  if (flags & 128) options.push(["dirsync"]);
  return options;
}
