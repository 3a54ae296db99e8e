// Which process has a port of this host, from the kernel's list of sockets (proc(5)). Only error messages use
// it.

/** Name of the process that has the port; undefined where none can be seen. */
export function holderOf(protocol: "tcp" | "udp" | "sctp", port: number): string | undefined {
  const inodes = new Set([protocol, `${protocol}6`].flatMap((table) => socketsAt(table, port)));
  if (inodes.size === 0) return undefined;
  for (const { name: pid } of Deno.readDirSync("/proc")) {
    if (/^\d+$/.test(pid) && hasAny(pid, inodes)) return read(`/proc/${pid}/comm`).trim();
  }
}

/** Inodes of the listening sockets on a port. */
function socketsAt(table: string, port: number): string[] {
  const [LISTENING, UNCONNECTED] = ["0A", "07"];
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
  return read(`/proc/net/${table}`).split("\n").slice(1).map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) =>
      state === LISTENING || state === UNCONNECTED ? portOf(local) === port : false
    )
    .map((fields) => fields[9]);
}

function portOf(address: string): number {
  return parseInt(address.split(":")[1], 16);
}

function hasAny(pid: string, inodes: Set<string>): boolean {
  try {
    for (const { name: fd } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${fd}`);
      if (target.startsWith("socket:[") && inodes.has(target.slice(8, -1))) return true;
    }
  } catch (error) {
    if (!isHidden(error)) throw error;
  }
  return false;
}

/** "" where the process is gone, or may not be inspected, or the kernel has no such protocol. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isHidden(error)) return "";
    throw error;
  }
}

function isHidden(error: unknown): boolean {
  const { code } = error as { code?: string };
  return error instanceof Deno.errors.NotFound || code === "ESRCH" || code === "EACCES" || code === "EPERM";
}
