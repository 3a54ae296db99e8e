// Finds a container's processes among the host's.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { presentGroups } from "../cgroup/group.ts";
import { members } from "../cgroup/members.ts";
import { Failure } from "../base/error.ts";
import type { GroupOwner } from "../cgroup/types.ts";

/** The output of ps: the cells of each line, the last of which holds the rest of the line. */
export interface HostProcesses {
  titles: string[];
  rows: { pid: number; cells: string[] }[];
}

/**
 * Runs the host's ps with these options. Throws Failure, in docker's words where it has any: if there is no
 * ps, it fails, or it does not show PIDs.
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
 * A test for host PIDs: whether the process is in the container's cgroup. If the host had no cgroup for the
 * container, it tests for the PID namespace of the container's process `first`.
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
 * "pid:[INODE]" (namespaces(7)); undefined where the process is gone, or belongs to the host and may not be
 * inspected by this process, which then can't have started a container.
 */
function pidNamespace(pid: number): string | undefined {
  try {
    return file.readlinkat(file.AT_FDCWD, `/proc/${pid}/ns/pid`);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}
