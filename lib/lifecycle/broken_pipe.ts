// Ends a container whose reader has gone away, as a shell's pipeline does: the next write would end the
// writer by SIGPIPE. But a container's first process is exempt from signals that it does not handle, and
// might write into nothing for ever.

import { SIGPIPE } from "../../ffi/constants.ts";
import { killTraced, untilSignal } from "../../ffi/trace.ts";

/** From now on, ends the first process where SIGPIPE would. Its children have no such exemption. */
export async function endByBrokenPipe(pid: number): Promise<void> {
  if (await untilSignal(pid, SIGPIPE, () => hasNoHandler(pid))) killTraced(pid);
}

/** Whether SIGPIPE is neither ignored nor caught by the process (proc(5), SigIgn and SigCgt). */
function hasNoHandler(pid: number): boolean {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const masks = [...status.matchAll(/^Sig(?:Ign|Cgt):\s*([0-9a-f]+)$/gm)].map(([, mask]) =>
    BigInt("0x" + mask)
  );
  return masks.every((mask) => (mask >> BigInt(SIGPIPE - 1) & 1n) === 0n);
}
