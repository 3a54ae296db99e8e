// A member of a tar archive, as the reader yields it and the writer takes it.

import type { Timespec } from "../../ffi/file.ts";

export type TarType = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

/** Names and link targets hold any bytes but NUL (ffi/bytes.ts). */
export interface TarEntry {
  /** As the archive has it: it may begin with "./" or "/", contain "..", or end with a slash. */
  path: string;
  type: TarType;
  /** Target of a link or symlink; "" otherwise. */
  linkPath: string;
  /** Permissions with set-user-ID, set-group-ID and sticky bit: 0o7777 at most. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of the file, holes included; 0 for other types. */
  size: number;
  modified: Timespec;
  /** Device numbers; 0 for other types. */
  major: number;
  minor: number;
  /** By full name ("security.capability"); undefined where there are none. */
  xattrs?: Map<string, Uint8Array>;
  /** Only parts of the file are in the archive; the rest reads as zeros. */
  sparse: boolean;
}

/** Every header and every file's data take a multiple of this (POSIX ustar). */
export const BLOCK = 512;

/** Bytes between the end of `size` bytes of data and the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - size % BLOCK) % BLOCK;
}
