// MS_ flags (model/mount_flags.ts) for the calls of the new mount API.

import { MOUNT_ATTR } from "../../ffi/mount.ts";
import { MS } from "../model/mount_flags.ts";

const ATTRIBUTES: [bit: number, attribute: number][] = [
  [1, MOUNT_ATTR.readOnly],
  [MS.nosuid, MOUNT_ATTR.noSuid],
  [MS.nodev, MOUNT_ATTR.noDev],
  [MS.noexec, MOUNT_ATTR.noExec],
  [1024, MOUNT_ATTR.noAtime],
  [2048, MOUNT_ATTR.noDirAtime],
  [1 << 24, MOUNT_ATTR.strictAtime],
];

/** The flags that are attributes of the mount (MOUNT_ATTR). */
export function attributesOf(flags: number): number {
  return ATTRIBUTES.reduce((all, [bit, attribute]) => flags & bit ? all | attribute : all, 0);
}

/** The flags that are options of every file system (fsconfig(2)). */
export function fileSystemOptions(flags: number): [string][] {
  const options: [string][] = [];
  if (flags & 16) options.push(["sync"]);
  if (flags & 128) options.push(["dirsync"]);
  return options;
}
