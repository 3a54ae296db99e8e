// The restrictions of a container's processes, by its configuration.

import { errnoText } from "../../ffi/errno.ts";
import { Failure, type FailureKind } from "../base/error.ts";
import { defaultFilter } from "../seccomp/default.ts";
import { decodeFilter } from "../seccomp/encode.ts";
import { capabilitiesOf } from "../security/capabilities.ts";
import type { ContainerConfig } from "../model/container.ts";
import type { Confinement } from "../keeper/plan.ts";

/**
 * The restrictions of a first process, or of one that joins. The latter may be `privileged` itself, but still
 * has the container's filter (docker's exec --privileged).
 */
export function confinementOf(config: ContainerConfig, privileged = false): Confinement {
  const capabilities = capabilitiesOf(config);
  return {
    capabilities: privileged ? capabilitiesOf({ privileged }) : capabilities,
    filter: filterOf(config, capabilities),
    noNewPrivileges: config.noNewPrivileges === true,
  };
}

function filterOf({ seccomp, privileged }: ContainerConfig, capabilities: number[]): Uint8Array | undefined {
  if (seccomp === "unconfined") return undefined;
  if (seccomp) return decodeFilter(seccomp.filter);
  return privileged ? undefined : defaultFilter(capabilities);
}

/** The error of a start whose filter the kernel refused. */
export function filterError(errno: number, kind: FailureKind = "failed"): Failure {
  const hint = "does this kernel have CONFIG_SECCOMP_FILTER? --security-opt seccomp=unconfined does without";
  return new Failure(`can't install the filter of system calls: ${errnoText(errno)}; ${hint}`, { kind });
}
