// Who is in a container's group.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { type Group, processesIn } from "./group.ts";

/** IDs of the processes in a group and in those that were made inside it; none where it is gone. */
export function members({ path }: Pick<Group, "path">): number[] {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  if (fd === undefined) return [];
  const DT_DIR = 4;
  const below = file.entries(fd).filter(({ type }) => type === DT_DIR).map(({ name }) => `${path}/${name}`);
  file.close(fd);
  return [...own(path), ...below.flatMap((path) => members({ path }))];
}

function own(path: string): number[] {
  try {
    return processesIn(path);
  } catch (error) {
    // v2: a group of threads, whose processes are those of a group above.
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP")) return [];
    throw error;
  }
}
