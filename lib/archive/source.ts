// Sources for loading images: a tar archive or a directory, whose files can be read in any order.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { openInput } from "../cli/input_file.ts";
import { chunksOf, decompressed, isCompressed, LONGEST_MAGIC } from "../layer/decompress.ts";
import { openFileInside } from "../layer/inside.ts";
import { cleanPath } from "../layer/parents.ts";
import { createSpaceGuard } from "../layer/space.ts";
import type { Staging } from "../layer/store.ts";
import { rootFd } from "../store/root.ts";
import { findMember, indexTar, type Place } from "./tar_index.ts";

export interface Source {
  /**
   * The place of the file with this name; undefined where there is none. Throws Failure for names that lead
   * out.
   */
  find(path: string): Place | undefined;
  close(): void;
}

const STDIN = 0;
const BUFFER = 1 << 20;
/** Manifests and configurations are read into memory. */
const MAX_DOCUMENT = 8 << 20;

/** Opens the archive or directory at `path`, or stdin. Throws Failure as docker words it. */
export function openArchive(path: string | undefined): number {
  if (path !== undefined) return openInput(path);
  if (!Deno.stdin.isTerminal()) return STDIN;
  throw new Failure("requested load from stdin, but stdin is empty");
}

/**
 * Opens the archive or directory `fd`. A pipe or a compressed archive is first written to the staging
 * directory, because the last bytes may be needed to interpret the first ones.
 */
export async function openSource(fd: number, staging: Staging): Promise<Source> {
  const { mode, size } = file.stat(fd, "");
  const type = mode & file.S_IFMT;
  if (type === file.S_IFDIR) return directorySource(fd);
  const SEEK_CUR = 1;
  const readable = type === file.S_IFREG && file.lseek(fd, 0, SEEK_CUR) === 0 && !isCompressed(headOf(fd));
  if (readable) return tarSource(fd, size);
  const spooled = await spool(fd, staging);
  return tarSource(spooled, file.stat(spooled, "").size);
}

function headOf(fd: number): Uint8Array {
  const head = new Uint8Array(LONGEST_MAGIC);
  return head.subarray(0, file.pread(fd, head, 0));
}

async function spool(fd: number, staging: Staging): Promise<number> {
  const name = `${staging.path}/spool`;
  const copy = file.openat(rootFd(), name, file.O_RDWR | file.O_CREAT | file.O_EXCL, 0o600);
  const written = createSpaceGuard(copy);
  for await (const chunk of decompressed(chunksOf(fd, "the archive"))) {
    written(chunk.length);
    writeSpool(copy, chunk);
  }
  return copy;
}

function writeSpool(copy: number, chunk: Uint8Array): void {
  try {
    file.write(copy, chunk, "spool");
  } catch (error) {
    if (!isErrno(error, "ENOSPC", "EDQUOT", "EFBIG")) throw error;
    throw new Failure(`can't keep the archive: ${error.message}`, { cause: error });
  }
}

function tarSource(fd: number, length: number): Source {
  const members = indexTar(fd, length);
  return {
    find(path) {
      const found = findMember(members, cleanPath(path, "load"));
      return found && { fd, ...found };
    },
    close: () => file.close(fd),
  };
}

function directorySource(fd: number): Source {
  const opened: number[] = [fd];
  return {
    find(path) {
      const found = openFileInside(fd, cleanPath(path, "load"));
      if (found === undefined) return undefined;
      opened.push(found);
      return { fd: found, offset: 0, length: file.stat(found, "").size };
    },
    close: () => opened.forEach(file.close),
  };
}

/** Yields the bytes at a place. All chunks share one buffer: use a chunk before asking for the next. */
export function* contentOf({ fd, offset, length }: Place): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(BUFFER, length));
  for (let at = 0; at < length;) {
    const done = file.pread(fd, buffer.subarray(0, Math.min(buffer.length, length - at)), offset + at);
    if (done === 0) throw new Failure("unexpected end of archive");
    yield buffer.subarray(0, done);
    at += done;
  }
}

/** All bytes of a small file; undefined where there is none. Throws Failure if it is larger than 8 MiB. */
export function readDocument(source: Source, path: string): Uint8Array<ArrayBuffer> | undefined {
  const place = source.find(path);
  if (!place) return undefined;
  if (place.length > MAX_DOCUMENT) {
    throw new Failure(`${JSON.stringify(path)} has ${place.length} bytes, too many for what it is`);
  }
  const bytes = new Uint8Array(place.length);
  let at = 0;
  for (const chunk of contentOf(place)) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The value of a JSON document. Throws Failure if it is invalid. */
export function parseDocument(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(`${JSON.stringify(path)} is not valid JSON: ${error.message}`, {
      cause: error,
    });
  }
}
