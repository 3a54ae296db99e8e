// The mounts in this thread's mount namespace (proc_pid_mountinfo(5)).

import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";

/** A mount: the directory `root` of the file system `device`, mounted at `point`. */
export interface MountEntry {
  id: number;
  parent: number;
  /** "major:minor" */
  device: string;
  root: string;
  point: string;
  /** "shared:N", "master:N" and the like, separated by spaces. */
  propagation: string;
  /** The file system's, as "cgroup2". */
  type: string;
  /** Of the file system, as "rw,memory". */
  options: string;
}

/** The whole table as text, a line for each mount; the kernel writes a space in a name as "\040". */
export function readTable(): string {
  const fd = file.openat(file.AT_FDCWD, "/proc/thread-self/mountinfo", file.O_RDONLY);
  try {
    return decodeName(file.readAll(fd));
  } finally {
    file.close(fd);
  }
}

const unescape = (name: string) =>
  name.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
const escape = (name: string) =>
  name.replace(/[\\ \t\n]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);

function parseTable(text: string): MountEntry[] {
  return text.split("\n").filter(Boolean).map(parseLine);
}

/** A line of the table. */
export function parseLine(line: string): MountEntry {
  const [id, parent, device, root, point, , ...rest] = line.split(" ");
  const end = rest.indexOf("-");
  const [type, , options] = rest.slice(end + 1);
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: unescape(root),
    point: unescape(point),
    propagation: rest.slice(0, end).join(" "),
    type,
    options,
  };
}

/**
 * The mount that `fd` (O_PATH is enough) lies on; undefined where it is not in the table, as for a detached
 * mount.
 */
export function mountOf(fd: number): MountEntry | undefined {
  const id = file.mountId(fd);
  return parseTable(readTable()).find((entry) => entry.id === id);
}

/** The path below `root` that corresponds to `path` below `base`; both directories end without a slash. */
function moved(path: string, base: string, root: string): string {
  const below = base === "/" ? path : path.slice(base.length);
  return (root === "/" ? "" : root) + below || "/";
}

/**
 * The path at or below `dir`/`name` where something is mounted; undefined where nothing is. It may be reached
 * by another path to the same directory, since the kernel refuses to remove a mount point by any path.
 */
export function mountedWithin(dir: number, name: string): string | undefined {
  const text = readTable();
  // The name occurs in the table if something is mounted there, or below a mount there.
  if (!text.includes(escape(name.slice(name.lastIndexOf("/") + 1)))) return undefined;
  const table = parseTable(text);
  const byId = new Map(table.map((entry) => [entry.id, entry]));
  const home = byId.get(file.mountId(dir));
  if (!home) return undefined;
  const path = `${file.readlinkat(file.AT_FDCWD, `/proc/self/fd/${dir}`)}/${name}`;
  const wanted = moved(path, home.point, home.root);
  const isIn = (place: string, directory: string) => place === directory || place.startsWith(`${directory}/`);
  const found = table.filter((entry) => {
    const parent = byId.get(entry.parent);
    return parent?.device === home.device && isIn(moved(entry.point, parent.point, parent.root), wanted);
  });
  return (found.find(({ point }) => isIn(point, path)) ?? found[0])?.point;
}
