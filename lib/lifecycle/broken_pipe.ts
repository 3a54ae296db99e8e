// What a shell's pipeline does when its reader goes away: the next write ends the writer, by SIGPIPE. A
// container's first process is exempt from signals it has no handler for, and may go on writing into nothing
// for ever. Here it gets what it would have got outside.

import { SIGPIPE } from "../../ffi/constants.ts";
import { killTraced, untilSignal } from "../../ffi/trace.ts";

/** Ends the first process when SIGPIPE would, from now on; its children have no such exemption. */
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
