// Notes about changes of a running container's networks. The note of a change exists from before the change
// begins until it is done. After that, other notes list the hosts files that still have to be updated. A note
// that no process works on was left by a killed command (change.ts).

import * as file from "../../ffi/file.ts";
import { randomHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";

/** Relative to the root directory. */
export const CHANGE = "networks/.change";

const STALE = ".stale";

/** A hosts file that does not show a change yet, and the note that says so. */
export interface Stale {
  container: string;
  network: string;
  /** Relative to the root directory. */
  note: string;
}

/** Writes a note that the hosts files of a container, and of all others in the network, need updating. */
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
