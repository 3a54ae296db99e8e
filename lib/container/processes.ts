// The processes of a container, among those of the host.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { presentGroups } from "../cgroup/group.ts";
import { members } from "../cgroup/members.ts";
import { Failure } from "../base/error.ts";
import type { GroupOwner } from "../cgroup/types.ts";

/** What ps printed: a line's cells, the last of which holds all that is left. */
export interface HostProcesses {
  titles: string[];
  rows: { pid: number; cells: string[] }[];
}

/**
 * Runs the host's ps with these options. Throws Failure, in docker's words as far as it has
 * any: where there is no ps, where it fails, and where it does not show the PIDs by which a container's are
 * told.
 */
export async function hostProcesses(options: string[]): Promise<HostProcesses> {
  const disguised = /\s*(\S+)=\s*(PID\S*)/.exec(options.join(" "));
  if (disguised) {
    throw new Failure(`specifying "${disguised[1]}=${disguised[2]}" is not allowed`);
  }
  const [titleLine, ...lines] = (await runPs(options)).split("\n");
  const titles = wordsOf(titleLine);
  const column = titles.indexOf("PID");
  if (column < 0) throw new Failure("Couldn't find PID field in ps output");
  const rows = lines.map(wordsOf).filter((words) => words.length > 0).map((words) => {
    const last = titles.length - 1;
    return { pid: Number(words[column]), cells: [...words.slice(0, last), words.slice(last).join(" ")] };
  });
  return { titles, rows };
}

const wordsOf = (line: string) => line.split(/\s+/).filter((word) => word !== "");

async function runPs(options: string[]): Promise<string> {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  try {
    const { success, code, stdout, stderr } = await new Deno.Command("ps", { args: options, stdin: "null" })
      .output();
    if (success) return text(stdout);
    throw new Failure(`ps: ${text(stderr).split("\n", 1)[0] || `exit status ${code}`}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Failure("top shows what the host's ps prints, and the host has none (Debian: procps)", {
      cause: error,
    });
  }
}

/**
 * A test for host PIDs: whether the process is in a container's cgroup; of a container that has none, as its
 * host had none for it, whether it is in the PID namespace of the container's process `first`.
 */
export function containsProcess(owner: GroupOwner, first: number): (pid: number) => boolean {
  const groups = presentGroups(owner);
  const group = groups.find(({ controllers }) => controllers.includes("devices")) ?? groups[0];
  if (group) {
    const inside = new Set(members(group));
    return (pid) => inside.has(pid);
  }
  const namespace = pidNamespace(first);
  return (pid) => namespace !== undefined && pidNamespace(pid) === namespace;
}

/**
 * "pid:[INODE]" (namespaces(7)); undefined where the process is gone, or one of a host's that this process
 * may not look into: it could not have started a container's then.
 */
function pidNamespace(pid: number): string | undefined {
  try {
    return file.readlinkat(file.AT_FDCWD, `/proc/${pid}/ns/pid`);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}
