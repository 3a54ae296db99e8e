// Writes into the container's lock file what runs and how it ended (report.ts).

import { CLOCK_REALTIME } from "../../ffi/constants.ts";
import type { Cell, Program } from "../../ffi/program.ts";
import type { KeeperPlan } from "./plan.ts";
import { MESSAGE_SIZE, RECORDS } from "./report.ts";

/** A record (report.ts) in the program's memory. */
interface RecordCells {
  address: number;
  /** The seconds of its time. */
  seconds: Cell;
  /** In bytes. */
  size: number;
}

/** A value, the present time, and more. */
function makeRecord(p: Program, [value, ...more]: (Cell | number)[]): RecordCells {
  const address = p.words([0, 0, 0, ...more.map((word) => typeof word === "number" ? word : 0)]);
  p.set({ address }, value);
  more.forEach((word, index) => {
    if (typeof word !== "number") p.set({ address: address + MESSAGE_SIZE + 8 * index }, word);
  });
  p.call("clock_gettime", [CLOCK_REALTIME, address + 8]);
  return { address, seconds: { address: address + 8 }, size: MESSAGE_SIZE + 8 * more.length };
}

/**
 * Records that the container runs and has not ended; both in one write, since they must not be seen
 * separately.
 */
export function recordStart(p: Program, plan: KeeperPlan, pid: Cell, self: Cell): RecordCells {
  const none = p.words([0, 0, 0]);
  const record = makeRecord(p, [pid, self, plan.terminal ?? -1, plan.stdin ?? -1]);
  // struct iovec[2]
  const both = p.words([none, MESSAGE_SIZE, record.address, record.size]);
  p.call("pwritev", [plan.lock, both, 2, RECORDS.end, 0], { what: "start record" });
  return record;
}

/** Records how the container ended. */
export function recordEnd(p: Program, plan: KeeperPlan, status: Cell): RecordCells {
  const next = p.label();
  const record = makeRecord(p, [status]);
  p.call("pwrite64", [plan.lock, record.address, record.size, RECORDS.end], { negative: next });
  p.place(next);
  return record;
}
