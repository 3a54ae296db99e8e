// A container's sockets, as the kernel lists them: read from outside, without a connection.

const LISTEN = "0A";

/**
 * Whether a TCP socket listens on `port` in the network namespace of the process `pid` (proc(5),
 * /proc/PID/net/tcp).
 */
export function listensOn(pid: number, port: number): boolean {
  // sl: local_address:port remote_address:port state …, all in hexadecimal digits
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} [0-9A-F]+:[0-9A-F]{4} ${LISTEN} `, "m");
  return ["tcp", "tcp6"].some((name) => line.test(readTable(`/proc/${pid}/net/${name}`)));
}

/** "" where the process is gone, or the kernel has no IPv6. */
function readTable(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    // EINVAL: the process has ended, and its network namespace with it.
    if (error instanceof Error && "code" in error && (error.code === "EINVAL" || error.code === "ESRCH")) {
      return "";
    }
    throw error;
  }
}
