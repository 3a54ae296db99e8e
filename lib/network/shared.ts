// --network container:ID: another container's network namespace.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { findContainer } from "../container/find.ts";
import { firstProcess } from "../container/state.ts";
import { JOINED } from "../keeper/network_steps.ts";
import { writeFile } from "../base/json.ts";
import type { Container } from "../model/container.ts";

/**
 * The container that the network mode "container:ID" names. Throws docker's Failure where there is none.
 */
export function sharedContainer(mode: string): Container {
  return findContainer(mode.slice("container:".length));
}

/** Descriptor of that container's network namespace. Throws Failure where it does not run. */
export function openNetworkOf(mode: string): number {
  const { id, dir } = sharedContainer(mode);
  try {
    // This comes first: a keeper that does not see it yet has ended the process whose namespace is opened
    // then.
    writeFile(dir, JOINED, "");
    const fd = openNetwork(dir);
    if (fd !== undefined) return fd;
    throw new Failure(`cannot join network of a non running container: ${id}`);
  } finally {
    file.close(dir);
  }
}

/** The network namespace of the container whose directory is `dir`; undefined where it does not run. */
export function openNetwork(dir: number): number | undefined {
  const pid = firstProcess(dir);
  if (pid === undefined) return undefined;
  const fd = file.openIfAny(file.AT_FDCWD, `/proc/${pid}/ns/net`, file.O_RDONLY);
  // It is still the same process, so this is its namespace.
  if (fd === undefined || firstProcess(dir) === pid) return fd;
  file.close(fd);
  return undefined;
}
