// Extended attributes (xattr(7)) of files and symlinks, by directory descriptor and name.

import { ENODATA, ENOTSUP } from "./constants.ts";
import { decodeName, encodeName, encodeNameInto } from "./bytes.ts";
import { KernelError } from "./errno.ts";
import { addressOf, raw, scratch, scratchAddress } from "./libc.ts";
import { NR } from "./nr.ts";

/** Kernel limit for one value and for one file's list of names. */
const XATTR_SIZE_MAX = 65536;
const buffer = new Uint8Array(XATTR_SIZE_MAX);
const bufferAddress = addressOf(buffer);

/** The l*xattr calls know no directory descriptors; /proc/self/fd does, and follows no further link. */
function pathOf(dir: number, name: string): string {
  return name === "" ? `/proc/self/fd/${dir}` : `/proc/self/fd/${dir}/${name}`;
}

/** Names of all extended attributes of `name` in `dir`; none where the file system has none. */
export function listXattrs(dir: number, name: string): string[] {
  encodeNameInto(pathOf(dir, name), scratch, 0);
  const number = name === "" ? NR.listxattr : NR.llistxattr;
  const length = raw(number, scratchAddress, bufferAddress, buffer.length);
  if (length === -ENOTSUP || length === 0) return [];
  if (length < 0) throw new KernelError("llistxattr", name, -length);
  return decodeName(buffer.subarray(0, length - 1)).split("\0");
}

/** The value of one attribute; undefined where it is not set. */
export function getXattr(dir: number, name: string, attribute: string): Uint8Array | undefined {
  const path = encodeNameInto(pathOf(dir, name), scratch, 0);
  encodeNameInto(attribute, scratch, path);
  const number = name === "" ? NR.getxattr : NR.lgetxattr;
  const length = raw(number, scratchAddress, scratchAddress + path, bufferAddress, buffer.length);
  if (length === -ENODATA || length === -ENOTSUP) return undefined;
  if (length < 0) throw new KernelError("lgetxattr", `${attribute} of ${name}`, -length);
  return buffer.slice(0, length);
}

/** Sets one attribute of `name` in `dir` itself, never of a symlink's target. */
export function setXattr(dir: number, name: string, attribute: string, value: Uint8Array | string): void {
  const bytes = typeof value === "string" ? encodeName(value) : value;
  const path = encodeNameInto(pathOf(dir, name), scratch, 0);
  encodeNameInto(attribute, scratch, path);
  const number = name === "" ? NR.setxattr : NR.lsetxattr;
  const result = raw(number, scratchAddress, scratchAddress + path, addressOf(bytes), bytes.length, 0);
  if (result < 0) throw new KernelError("lsetxattr", `${attribute} of ${name}`, -result);
}
