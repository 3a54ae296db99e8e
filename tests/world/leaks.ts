// What a sandbox must not leave behind: processes, mounts, cgroups, interfaces, and a store that does not add
// up. Other sandboxes are at work at the same time, so everything is attributed by the path of the sandbox.

import { exists } from "./exists.ts";

/** One process found in /proc, and how it gave itself away. */
export interface Leftover {
  pid: number;
  /** Its command line, or its name where it has none. */
  command: string;
  /** Which file in /proc mentioned the path. */
  found: string;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // Gone meanwhile, or a kernel thread's.
  }
}

function linkTarget(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}

function foldersIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  } catch {
    return []; // Gone meanwhile.
  }
}

/** Whatever in /proc/PID mentions `path`: its words, its mounts, or what it has open. */
function mentionOf(pid: number, path: string): string | undefined {
  const proc = `/proc/${pid}`;
  for (const file of ["cmdline", "environ", "cgroup", "mountinfo"]) {
    if (readText(`${proc}/${file}`).includes(path)) return file;
  }
  for (const link of ["cwd", "root", "exe"]) {
    if (linkTarget(`${proc}/${link}`).includes(path)) return link;
  }
  return namesIn(`${proc}/fd`).map((fd) => `fd/${fd}`).find((fd) =>
    linkTarget(`${proc}/${fd}`).includes(path)
  );
}

/** The unit of times in /proc/PID/stat, for whatever processor (USER_HZ, proc(5)). */
const TICKS_PER_SECOND = 100;

/** Now, in ticks since the machine's start. */
export function ticks(): number {
  return Math.floor(Number(readText("/proc/uptime").split(" ")[0]) * TICKS_PER_SECOND);
}

/** When a process started, in ticks since the machine's start; undefined where it has ended. */
function startOf(pid: number): number | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The name, in parentheses, may have any character; the start is the 22nd field.
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return start === undefined ? undefined : Number(start);
}

/**
 * All live processes, this one excepted, that have to do with `path`. Those of the host's mounts have not,
 * and neither have those that started before `since`, in ticks: most of a machine's are not worth a closer
 * look.
 */
export function processesOf(path: string, since = 0): Leftover[] {
  const found: Leftover[] = [];
  for (const name of namesIn("/proc")) {
    const pid = Number(name);
    if (!(pid > 0) || pid === Deno.pid || (startOf(pid) ?? -1) < since) continue;
    const mention = mentionOf(pid, path);
    if (mention === undefined) continue;
    const command = readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    found.push({ pid, command: command || readText(`/proc/${pid}/comm`).trim(), found: mention });
  }
  return found;
}

/** SIGKILL for each, by pid; one that has ended by itself is fine. */
export function killAll(processes: Leftover[]): void {
  for (const { pid } of processes) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/**
 * Lines of the mount table of this thread (isolate), and so of what a test starts, that `path` occurs in, or
 * that show an overlay as only mydocker mounts them.
 */
export function mountsOf(path: string): string[] {
  return readText("/proc/thread-self/mountinfo").split("\n").filter((line) =>
    line.includes(path) || / - overlay .*lowerdir\+?=\/proc\/self\/fd/.test(line)
  );
}

/**
 * The cgroups of a root directory's containers, also of those that are gone but for their events, in all
 * hierarchies.
 */
export function cgroups(root: string): string[] {
  const events = ["events", "events.1"].map((name) => readText(`${root}/${name}`)).join();
  const ids = new Set([
    ...events.match(/"ID":"[0-9a-f]{64}"/g)?.map((id) => id.slice(6, 70)) ?? [],
    ...["containers", "tmp"].flatMap((folder) => namesIn(`${root}/${folder}`)).map((name) => name.slice(-64)),
  ]);
  const found: string[] = [];
  const visit = (path: string, depth: number) => {
    for (const entry of foldersIn(path)) {
      const [below, own] = [`${path}/${entry}`, entry.startsWith("mydocker-")];
      // Other sandboxes' containers have nothing of this one's in theirs, and there may be hundreds of them.
      if (depth > 5 || (entry.includes(".") && !entry.endsWith(".slice"))) continue;
      if (own && !ids.has(entry.slice(9))) continue;
      if (own) found.push(below);
      visit(below, depth + 1);
    }
  };
  visit("/sys/fs/cgroup", 0);
  return found;
}

/**
 * Those of them that nobody will take away: not the empty ones of a container that is still there and whose
 * keeper was killed, which `start` and `rm` do (limits_test.ts).
 */
export function leftCgroups(root: string): string[] {
  return cgroups(root).filter((path) =>
    readText(`${path}/cgroup.procs`) !== "" || !keeperWasKilled(`${root}/containers/${path.slice(-64)}/lock`)
  );
}

/** It noted a start and no end (lib/keeper/report.ts). */
function keeperWasKilled(lock: string): boolean {
  try {
    const view = new DataView(Deno.readFileSync(lock).buffer);
    const [ended, started] = [8, 32].map((offset) => view.getBigInt64(offset, true));
    return started !== 0n && ended === 0n;
  } catch {
    return false; // There is no such container any more.
  }
}

/** Thaws and removes what cgroups() finds, as far as it goes: what was killed there dies only then. */
export function dropCgroups(root: string): void {
  const attempt = (action: () => void) => {
    try {
      action();
    } catch { /* Of the other version, or not empty yet. */ }
  };
  for (const path of cgroups(root).reverse()) {
    attempt(() => Deno.writeTextFileSync(`${path}/freezer.state`, "THAWED", { create: false }));
    attempt(() => Deno.writeTextFileSync(`${path}/cgroup.freeze`, "0", { create: false }));
    attempt(() => Deno.removeSync(path));
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function json(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return undefined;
  }
}

/**
 * Everything in the root directory that is half, unfinished, unreferenced or points nowhere; empty when all
 * is well.
 */
export async function storeProblems(root: string): Promise<string[]> {
  const problems: string[] = [];
  const visible = (folder: string) => namesIn(`${root}/${folder}`).filter((name) => !name.startsWith("."));
  for (const name of visible("tmp")) problems.push(`tmp/${name} was left`);

  const used = new Set<string>();
  const use = (layer: string, by: string) => {
    used.add(layer);
    const complete = exists(`${root}/layers/${layer}/diff`) && json(`${root}/layers/${layer}/layer.json`);
    if (!complete) problems.push(`${by} needs layer ${layer}, which is missing or incomplete`);
  };
  for (const name of visible("images")) {
    const hex = name.replace(/\.json$/, "");
    const bytes = Deno.readFileSync(`${root}/images/${name}`);
    if (await sha256(bytes) !== hex) problems.push(`images/${name} does not have that digest`);
    const config = json(`${root}/images/${name}`) as { rootfs?: { diff_ids: string[] } } | undefined;
    for (const id of config?.rootfs?.diff_ids ?? []) use(id.replace("sha256:", ""), `image ${hex}`);
  }
  for (const id of visible("containers")) {
    const config = json(`${root}/containers/${id}/config.json`) as
      | { name: string; layers: string[] }
      | undefined;
    if (!config) {
      problems.push(`containers/${id} has no readable config.json`);
      continue;
    }
    for (const layer of config.layers) use(layer, `container ${id}`);
    if (linkTarget(`${root}/names/${config.name}`) !== id) {
      problems.push(`names/${config.name} does not lead to container ${id}`);
    }
  }
  for (const layer of visible("layers")) {
    if (!used.has(layer)) problems.push(`layers/${layer} is needed by nothing`);
  }
  for (const name of visible("names")) {
    const id = linkTarget(`${root}/names/${name}`);
    if (!exists(`${root}/containers/${id}`)) problems.push(`names/${name} leads to no container`);
  }
  for (const tag of visible("tags")) {
    const hex = linkTarget(`${root}/tags/${tag}`);
    if (!exists(`${root}/images/${hex}.json`)) problems.push(`tags/${tag} leads to no image`);
  }
  for (const name of visible("volumes")) {
    if (!exists(`${root}/volumes/${name}/_data`)) problems.push(`volumes/${name} has no _data`);
    if (exists(`${root}/volumes/${name}/fill`)) problems.push(`volumes/${name} is half filled`);
  }
  return problems;
}
