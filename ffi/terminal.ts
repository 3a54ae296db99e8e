// Terminals: modes and window size of one, and making a pair (tty_ioctl(2), pty(7)).

import { KernelError } from "./errno.ts";
import { fileSystem, O_NOCTTY, O_RDWR } from "./file.ts";
import { addressOf, raw } from "./libc.ts";
import { NR } from "./nr.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;

function ioctl(fd: number, request: number, buffer: Uint8Array, what: string): void {
  const result = raw(NR.ioctl, fd, request, addressOf(buffer));
  if (result < 0) throw new KernelError("ioctl", what, -result);
}

/** Puts a terminal into raw mode, cfmakeraw(3)'s; returns what undoes it. */
export function makeRaw(fd: number): () => void {
  // struct termios: u32 input, output, control, local flags; u8 line discipline; u8 control characters[19]
  const before = new Uint8Array(36);
  ioctl(fd, TCGETS, before, "TCGETS");
  const raw = before.slice();
  const flags = new Uint32Array(raw.buffer, 0, 4);
  flags[0] &= ~0o2753; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  flags[1] &= ~0o1; // OPOST
  flags[2] = flags[2] & ~0o460 | 0o60; // CSIZE PARENB; CS8
  flags[3] &= ~0o100113; // ISIG ICANON ECHO ECHONL IEXTEN
  ioctl(fd, TCSETS, raw, "TCSETS");
  return () => ioctl(fd, TCSETS, before, "TCSETS");
}

/** Makes `to` as large as `from` is; where `from` is no terminal, nothing happens. */
export function copyWindowSize(from: number, to: number): void {
  const size = new Uint8Array(8); // struct winsize: u16 rows, columns, width, height
  if (raw(NR.ioctl, from, TIOCGWINSZ, addressOf(size)) === 0) ioctl(to, TIOCSWINSZ, size, "TIOCSWINSZ");
}

/** As copyWindowSize, but by way of another size: what shows itself there shows itself again. */
export function nudgeWindowSize(from: number, to: number): void {
  const size = new Uint8Array(8);
  if (raw(NR.ioctl, from, TIOCGWINSZ, addressOf(size)) !== 0) return;
  const other = size.slice();
  const sides = new Uint16Array(other.buffer, 0, 2);
  sides.forEach((side, index) => sides[index] = side + 1);
  for (const step of [other, size]) ioctl(to, TIOCSWINSZ, step, "TIOCSWINSZ");
}

/** Whether what is open as `fd` is on a devpts. */
export function isDevpts(fd: number): boolean {
  return fileSystem(fd) === 0x1cd1; // DEVPTS_SUPER_MAGIC (statfs(2))
}

/** The numbers of the device ptmx, which gives a master side to whoever opens it. */
export const PTMX = { major: 5, minor: 2 };

/** Opens the slave side to a new master. The first of a devpts has the slave /dev/pts/0. */
export function openSlave(master: number): number {
  ioctl(master, TIOCSPTLCK, new Uint8Array(4), "TIOCSPTLCK");
  const slave = raw(NR.ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | 0o2000000);
  if (slave < 0) throw new KernelError("ioctl", "TIOCGPTPEER", -slave);
  return slave;
}
