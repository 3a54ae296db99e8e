// A network and a mount namespace for each file of tests, so that what they do to networks and mounts is
// nobody else's. Deno runs a file on one thread, and a process that a thread starts is in that thread's
// namespaces; so entering one costs nothing per command. What Deno does asynchronously to files is done by
// other threads, which have the host's mounts.

const CLONE_NEWNET = 0x40000000;
const CLONE_NEWNS = 0x20000;
const [MS_REC, MS_PRIVATE, MS_SHARED] = [0x4000n, 0x40000n, 0x100000n];
const [AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP] = [2, 2, 0x8914, 1];

let isolated = false;

/**
 * Enters a new network namespace that has nothing but the loopback interface, and a new mount namespace in
 * which all is shared, as where systemd has started; and none of it with the host. As root only.
 */
export function isolate(): void {
  if (isolated || Deno.uid() !== 0) return;
  isolated = true;
  const libc = Deno.dlopen("libc.so.6", {
    unshare: { parameters: ["i32"], result: "i32" },
    mount: { parameters: ["buffer", "buffer", "buffer", "u64", "buffer"], result: "i32" },
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  if (libc.symbols.unshare(CLONE_NEWNET | CLONE_NEWNS) !== 0) {
    throw new Error("unshare: no network and mount namespaces for the tests");
  }
  const slash = new TextEncoder().encode("/\0");
  for (const propagation of [MS_PRIVATE, MS_SHARED]) {
    if (libc.symbols.mount(null, slash, null, MS_REC | propagation, null) !== 0) {
      throw new Error("mount: / can't be made shared for the tests");
    }
  }
  const ifreq = new Uint8Array(40);
  ifreq.set(new TextEncoder().encode("lo"));
  ifreq[16] = IFF_UP;
  const socket = libc.symbols.socket(AF_INET, SOCK_DGRAM, 0);
  if (libc.symbols.ioctl(socket, BigInt(SIOCSIFFLAGS), ifreq) !== 0) throw new Error("lo does not come up");
  libc.symbols.close(socket);
  libc.close();
  // A new namespace has what the machine's had at first. Where that is 0, the first container's mydocker says
  // on stderr that it is 1 now.
  Deno.writeTextFileSync("/proc/sys/net/ipv4/ip_forward", "1");
}

/** A command line that runs in the network that the tests were started in, for what has to be downloaded. */
export function outsideArgv(argv: string[]): string[] {
  if (!isolated) return argv;
  return ["nsenter", `--net=/proc/${Deno.ppid}/ns/net`, ...argv];
}

/**
 * Interfaces in this thread's network namespace. /sys/class/net is about the one in which /sys was mounted.
 */
export function interfaces(): string[] {
  const [, , ...lines] = Deno.readTextFileSync("/proc/thread-self/net/dev").trim().split("\n");
  return lines.map((line) => line.split(":")[0].trim()).sort();
}

/** Removes an interface, if it is still there: the two ends of a pair go together. */
export async function dropInterface(name: string): Promise<void> {
  await new Deno.Command("ip", { args: ["link", "del", name], stderr: "null" }).output();
}
