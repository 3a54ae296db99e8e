// The source of a copy.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { absolutePath } from "../base/environment.ts";
import { Failure } from "../base/error.ts";
import { openInside } from "../layer/inside.ts";
import { cleanAbsolute, saysContents, saysDirectory, type Side, splitPath } from "./path.ts";

/** An open file or directory (O_PATH), which is copied even if something else takes its name meanwhile. */
export interface Source {
  fd: number;
  /**
   * Its name in the copy, unless the destination has another; "." for a directory's content, "/" for the root
   * directory.
   */
  name: string;
  isDirectory: boolean;
}

/**
 * Opens the source `path`. A final symlink is copied itself, unless `follow` or a slash after it says
 * otherwise; then its target is copied under the symlink's name. Throws Failure.
 */
export function openSource(side: Side, path: string, follow: boolean): Source {
  const absolute = cleanAbsolute(side.container ? path : absolutePath(path));
  const directory = saysDirectory(path);
  const flags = (directory ? file.O_DIRECTORY : 0) | (follow || directory ? 0 : file.O_NOFOLLOW);
  const fd = explained(side, path, absolute, () => openInside(side.root, absolute, flags));
  const isDirectory = (file.stat(fd, "").mode & file.S_IFMT) === file.S_IFDIR;
  return { fd, name: saysContents(path) ? "." : splitPath(absolute)[1] || "/", isDirectory };
}

function explained(side: Side, path: string, absolute: string, open: () => number): number {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new Failure(problem(side, path, absolute, error), { cause: error });
  }
}

function problem({ container }: Side, path: string, absolute: string, error: KernelError): string {
  const reason = errnoText(error.code).toLowerCase();
  if (container === undefined) return error.errno === "ENOTDIR" ? reason : `lstat ${absolute}: ${reason}`;
  if (error.errno === "ENOENT") return `Could not find the file ${path} in container ${container}`;
  return `lstat ${path}: ${reason}`;
}
