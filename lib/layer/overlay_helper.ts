// Mounts overlays on kernels before 6.7, which take all layers as one string. fsconfig(2) cuts strings at 255
// bytes, so mount(2) has to do it, and that needs a mount namespace. A helper process makes a namespace of
// its own, mounts there, and makes a detached copy of the mount. It holds the copy until this process has
// fetched the descriptor (pidfd_getfd(2)).

import { CLONE_NEWNS } from "../../ffi/clone.ts";
import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { MS_PRIVATE, MS_REC, OPEN_TREE_CLONE } from "../../ffi/mount.ts";
import { endHelper, fetchDescriptor, pipe, spawn } from "../../ffi/process.ts";
import { type Cell, FAILED_STEP, FAILURE, newProgram, type Program } from "../../ffi/program.ts";
import { Failure } from "../base/error.ts";

/** Above every descriptor that the helper inherits. */
const FIRST_DIRECTORY = 100;
/** mount(2) takes one page of options. */
const MAX_DATA = 4095;

/**
 * Mounts an overlay of `lowers` (absolute paths, top layer first) and returns the detached mount's
 * descriptor. The options are mount(2)'s. `target` is any existing directory; the mount on it is not visible
 * outside. Throws Failure if there are too many layers, and KernelError.
 */
export function mountByHelper(
  lowers: string[],
  writable: { upper: string; work: string } | undefined,
  options: string[],
  target: string,
): number {
  const name = (index: number) => `/proc/self/fd/${FIRST_DIRECTORY + index}`;
  const paths = [...lowers, ...(writable ? [writable.upper, writable.work] : [])];
  const data = [
    `lowerdir=${lowers.map((_, index) => name(index)).join(":")}`,
    ...(writable ? [`upperdir=${name(lowers.length)}`, `workdir=${name(lowers.length + 1)}`] : []),
    ...options,
  ].join(",");
  if (data.length > MAX_DATA) {
    throw new Failure(
      `${lowers.length} layers are more than this kernel mounts; Linux 6.7 and later take 500`,
    );
  }
  const [answers, answersWrite] = pipe();
  const program = helperProgram(paths, data, target, answersWrite);
  const pid = spawn(program, "mydocker: mounting an overlay", [answersWrite]);
  file.close(answersWrite);
  try {
    const answer = new BigInt64Array(2);
    file.read(answers, new Uint8Array(answer.buffer));
    const [step, result] = [Number(answer[0]), Number(answer[1])];
    if (step === 0 && result > 0) return fetchDescriptor(pid, result);
    const { call, what } = program.describe(step);
    throw new KernelError(call, what, -result);
  } finally {
    file.close(answers);
    endHelper(pid);
  }
}

/** The program answers with two words: 0 and the descriptor, or the failed step and its result. */
function helperProgram(paths: string[], data: string, target: string, answers: number) {
  const p = newProgram();
  const failed = p.label();
  const [step, result] = [p.words([0, 0]), p.cell()];
  p.onFailure(failed);
  p.call("unshare", [CLONE_NEWNS]);
  p.call("mount", [0, p.string("/"), 0, MS_REC | MS_PRIVATE, 0], { what: "/ private" });
  // Opened in the new namespace, because overlayfs takes no layer from another one.
  paths.forEach((path, index) => openAs(p, path, FIRST_DIRECTORY + index, result));
  const overlay = p.string("overlay");
  const at = p.string(target);
  p.call("mount", [overlay, at, overlay, 0, p.string(data)], { what: "overlay" });
  const flags = OPEN_TREE_CLONE | file.O_CLOEXEC;
  p.call("open_tree", [file.AT_FDCWD, at, flags], { store: { address: step + 8 }, what: target });
  p.call("write", [answers, step, 16]);
  // Waits until it is killed.
  p.call("ppoll", [0, 0, 0, 0, 8]);
  p.place(failed);
  // The order matters: the second move, of a negative number, is itself recorded as a failure.
  p.set({ address: step }, FAILED_STEP);
  p.set({ address: step + 8 }, FAILURE);
  const end = p.label();
  p.call("write", [answers, step, 16], { negative: end });
  p.place(end);
  p.call("exit_group", [1]);
  return p.assemble();
}

function openAs(p: Program, path: string, number: number, fd: Cell): void {
  p.call("openat", [file.AT_FDCWD, p.string(path), file.O_PATH | file.O_DIRECTORY | file.O_CLOEXEC, 0], {
    store: fd,
    what: path,
  });
  p.call("dup3", [fd, number, 0]);
  p.call("close", [fd]);
}
