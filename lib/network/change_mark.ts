// The notes of changes of who is in which network while the container runs. One is there from before a change
// begins until it is done; others say then, until that is done too, whose hosts files have to show it. One
// that nobody is at work on is of a killed command (change.ts).

import * as file from "../../ffi/file.ts";
import { randomHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";

/** Relative to the root directory. */
export const CHANGE = "networks/.change";

const STALE = ".stale";

/**
 * A hosts file that does not show yet what has become of a container in a network, and the note that says so.
 */
export interface Stale {
  container: string;
  network: string;
  /** Relative to the root directory. */
  note: string;
}

/** Notes that the hosts files of a container, and of all in the network, are to be brought up to date. */
export function noteStale(container: string, network: string): Stale {
  const note = `networks/${[STALE, container, network, randomHex().slice(0, 16)].join("@")}`;
  writeFile(rootFd(), note, "");
  return { container, network, note };
}

/** All such notes. */
export function staleNotes(): Stale[] {
  const folder = file.openIfAny(rootFd(), "networks", file.O_RDONLY | file.O_DIRECTORY);
  if (folder === undefined) return [];
  try {
    return file.entries(folder).filter(({ name }) => name.startsWith(`${STALE}@`)).map(({ name }) => {
      const [, container, network] = name.split("@");
      return { container, network, note: `networks/${name}` };
    });
  } finally {
    file.close(folder);
  }
}

/** Whether there is any note. */
export function isChanging(): boolean {
  return file.statIfAny(rootFd(), CHANGE) !== undefined || staleNotes().length > 0;
}
