// What a container's processes may not do, as its configuration says.

import { errnoText } from "../../ffi/errno.ts";
import { CommandError } from "../cli/error.ts";
import type { Walls } from "../keeper/init_program.ts";
import { defaultFilter } from "../seccomp/default.ts";
import { decodeFilter } from "../seccomp/encode.ts";
import { defaultCapabilities } from "../security/capabilities.ts";
import type { ContainerConfig } from "./config.ts";

/** For a first process or one that joins: the same, whatever capabilities the latter has (docker's exec --privileged). */
export function wallsOf(config: ContainerConfig): Walls {
  return { filter: filterOf(config), noNewPrivileges: config.noNewPrivileges === true };
}

function filterOf({ seccomp }: ContainerConfig): Uint8Array | undefined {
  if (seccomp === "unconfined") return undefined;
  return seccomp ? decodeFilter(seccomp.filter) : defaultFilter(defaultCapabilities());
}

/** What a start ends with where the kernel did not take the filter. */
export function filterError(errno: number, exitCode: number): CommandError {
  const hint = "does this kernel have CONFIG_SECCOMP_FILTER? --security-opt seccomp=unconfined does without";
  return new CommandError(`can't install the filter of system calls: ${errnoText(errno)}; ${hint}`, exitCode);
}
