// Namespaces by descriptor (ioctl_ns(2)).

import { KernelError } from "./errno.ts";
import { raw } from "./libc.ts";
import { NR } from "./nr.ts";

const NS_GET_PARENT = 0xb702;

/** Descriptor of a PID or user namespace's parent; undefined where that is none of this process's own or below. */
export function parentNamespace(fd: number): number | undefined {
  const result = raw(NR.ioctl, fd, NS_GET_PARENT);
  if (result === -1) return undefined; // EPERM
  if (result < 0) throw new KernelError("ioctl", `NS_GET_PARENT of descriptor ${fd}`, -result);
  return result;
}
