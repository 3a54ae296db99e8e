// Indexes the files in a seekable tar archive: in docker-archives and OCI layouts, the file that explains the
// others may come last.

// @ts-types="../../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { cleanPath } from "../layer/parents.ts";
import type { TarEntry } from "../layer/tar_entry.ts";
import { createTarReader } from "../layer/tar_read.ts";

/** A range of a file. */
export interface Place {
  fd: number;
  offset: number;
  length: number;
}

/** A member of an archive: a file, or a link to one (clean paths). */
export type Member = { offset: number; length: number } | { link: string } | { sparse: true };

/** The limit of members; an archive of images has a handful of files for each layer. */
const MAX_MEMBERS = 100_000;
const CHUNK = 1 << 16;

/**
 * The files and links in the uncompressed archive of `length` bytes at the beginning of `fd`, by clean path.
 * The last of several with one name counts. Throws Failure for an archive that is damaged or cut off, and for
 * names that lead out of it.
 */
export function indexTar(fd: number, length: number): Map<string, Member> {
  const members = new Map<string, Member>();
  /** The file whose first byte comes next. */
  let started: { offset: number; length: number } | undefined;
  let base = 0;
  const begun = (at: number) => {
    if (started) started.offset = at;
    started = undefined;
  };
  const reader = createTarReader({
    entry(entry) {
      const member = memberOf(entry);
      if (!member) return;
      if (members.size >= MAX_MEMBERS) throw new Failure("too many files to be an archive of images");
      members.set(cleanPath(entry.path, "load"), member);
      if ("length" in member && member.length > 0) started = member;
    },
    data: (_chunk, start) => begun(base + start),
    finish: () => {},
  });
  const buffer = new Uint8Array(CHUNK);
  for (let done; base < length && (done = file.pread(fd, buffer, base)) > 0;) {
    reader.push(buffer.subarray(0, done));
    base += done;
    const pending = reader.pending();
    if (pending === 0) continue;
    begun(base);
    base += pending;
    if (base > length) break;
    reader.skip(pending);
  }
  reader.end();
  return members;
}

function memberOf(entry: TarEntry): Member | undefined {
  if (entry.type === "symlink") return { link: targetOf(entry) };
  if (entry.type === "link") return { link: cleanPath(entry.linkPath, "load a link to") };
  if (entry.type !== "file") return undefined;
  return entry.sparse ? { sparse: true } : { offset: 0, length: entry.size };
}

/** A symlink's target, as a path in the archive. */
function targetOf({ path, linkPath }: TarEntry): string {
  return cleanPath(linkPath.startsWith("/") ? linkPath : `${dirname(path)}/${linkPath}`, "load a link to");
}

const MAX_LINKS = 10;

/**
 * The place of the file `path`, with links followed; undefined where there is none. Throws Failure for a
 * circle of links.
 */
export function findMember(
  members: Map<string, Member>,
  path: string,
): { offset: number; length: number } | undefined {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const member = members.get(at);
    if (!member) return undefined;
    if ("sparse" in member) {
      throw new Failure(`${JSON.stringify(at)} is stored as a sparse file, which is not supported`);
    }
    if ("offset" in member) return member;
    at = member.link;
  }
  throw new Failure(`${JSON.stringify(path)}: too many levels of symbolic links`);
}
