// Makes a container: its directory is complete before others can see it.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { Failure } from "../base/error.ts";
import { emitContainer } from "../events/emit.ts";
import { randomHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { beginWork, rootFd } from "../store/root.ts";
import { RECORDS } from "../keeper/report.ts";
import { claimName, releaseName } from "../container/names.ts";
import type { Container, ContainerConfig } from "../model/container.ts";

/**
 * A fresh ID: 64 hex digits, not all digits at the front, so that its short form is not taken for a number.
 */
export function newId(): string {
  for (;;) {
    const id = randomHex();
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/**
 * Makes containers/ID with config.json and all a start needs, under `name` or a random one. The caller holds
 * the locks that keep image and volumes from being removed meanwhile. Throws Failure where the name is
 * taken.
 */
export async function createContainer(
  config: Omit<ContainerConfig, "name">,
  name: string | undefined,
): Promise<Container> {
  await beginWork();
  const staging = `tmp/container-${config.id}`;
  let claimed: string | undefined;
  let container: Container | undefined;
  try {
    file.mkdirat(rootFd(), staging, 0o700);
    claimed = claimName(config.id, name);
    container = fill(staging, { ...config, name: claimed });
    file.renameat2(rootFd(), staging, rootFd(), `containers/${config.id}`);
  } catch (error) {
    if (claimed) releaseName(claimed, config.id);
    if (container) file.close(container.dir);
    removeTree(rootFd(), staging);
    if (isErrno(error, "ENOSPC", "EDQUOT")) {
      throw new Failure(`can't create the container: ${error.message}`, { cause: error });
    }
    throw error;
  }
  emitContainer(container, "create");
  return container;
}

/** The container as it is then on disk. */
function fill(path: string, config: ContainerConfig): Container {
  const dir = file.openat(rootFd(), path, file.O_RDONLY | file.O_DIRECTORY);
  try {
    makeUpper(dir, config.layers);
    file.mkdirat(dir, "work", 0o700);
    writeFile(dir, "lock", new Uint8Array(RECORDS.size));
    writeFile(dir, "config.json", JSON.stringify(config));
    return { id: config.id, dir, config };
  } catch (error) {
    file.close(dir);
    throw error;
  }
}

/** The upper directory is the container's "/", so it has the attributes of the image's root. */
function makeUpper(dir: number, layers: string[]): void {
  file.mkdirat(dir, "upper", 0o755);
  const top = layers.at(-1);
  const root = top && file.statIfAny(rootFd(), `layers/${top}/diff`);
  if (!root) return;
  if (root.uid || root.gid) file.fchownat(dir, "upper", root.uid, root.gid);
  if ((root.mode & 0o7777) !== 0o755) file.fchmodat(dir, "upper", root.mode & 0o7777);
}
