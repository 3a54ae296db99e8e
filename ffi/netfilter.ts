// A socket to the kernel's netfilter (netlink(7), NETLINK_NETFILTER): messages go in by one write, and what
// the kernel says to them lies there when that returns. Messages are bytes here; lib/nat/ knows what is in
// them.

import {
  AF_NETLINK,
  NETLINK_NETFILTER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "./constants.ts";
import { isErrno, KernelError } from "./errno.ts";
import { raw, scratchAddress, scratchView } from "./libc.ts";
import * as file from "./file.ts";
import { NR } from "./nr.ts";

const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** Room for a table with thousands of ports in one message, and for the answers. */
const BUFFER = 8 << 20;

/**
 * A socket to netfilter in the network namespace of this process. Throws KernelError where the kernel has
 * none.
 */
export function openNetfilter(): number {
  const fd = raw(NR.socket, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) throw new KernelError("socket", "NETLINK_NETFILTER", -fd);
  for (const option of [SO_SNDBUFFORCE, SO_RCVBUFFORCE]) {
    scratchView.setInt32(0, BUFFER, true);
    const result = raw(NR.setsockopt, fd, SOL_SOCKET, option, scratchAddress, 4);
    if (result < 0) {
      file.close(fd);
      throw new KernelError("setsockopt", "a netlink socket's buffer", -result);
    }
  }
  return fd;
}

/** struct nlmsghdr */
export interface Answer {
  type: number;
  flags: number;
  sequence: number;
  /** What follows the header. */
  payload: Uint8Array;
}

const HEADER = 16;

/**
 * Sends messages as one datagram and returns all that the kernel answers, in order: nothing of it comes
 * later.
 */
export function converse(socket: number, messages: Uint8Array): Answer[] {
  file.write(socket, messages, "netfilter");
  const answers: Answer[] = [];
  const buffer = new Uint8Array(1 << 16);
  for (let length; (length = readIfAny(socket, buffer)) > 0;) {
    const view = new DataView(buffer.buffer, 0, length);
    for (let at = 0; at + HEADER <= length;) {
      const size = view.getUint32(at, true);
      if (size < HEADER) break;
      answers.push({
        type: view.getUint16(at + 4, true),
        flags: view.getUint16(at + 6, true),
        sequence: view.getUint32(at + 8, true),
        payload: buffer.slice(at + HEADER, Math.min(at + size, length)),
      });
      at += (size + 3) & ~3;
    }
  }
  return answers;
}

/** 0 where nothing is there. */
function readIfAny(socket: number, buffer: Uint8Array): number {
  try {
    return file.read(socket, buffer);
  } catch (error) {
    if (isErrno(error, "EAGAIN")) return 0;
    throw error;
  }
}
