// Options of a mount that every file system has (mount(8)), by their names and MS_ flags.

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
