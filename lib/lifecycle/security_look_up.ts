// Applies --security-opt to this host: reads and compiles profiles.

import { Refusal } from "../base/error.ts";
import type { SecurityOption, SecurityOptions } from "../flags/security_options.ts";
import type { ContainerConfig, IsolationConfig } from "../model/container.ts";
import { readProfile } from "../seccomp/profile.ts";
import { capabilitiesOf } from "../security/capabilities.ts";

/** The fields of a container's record for --security-opt. */
export type SecurityConfig = Pick<
  ContainerConfig,
  "securityOptions" | "seccomp" | "noNewPrivileges" | "exposedSystemPaths"
>;

/**
 * For a container with this isolation. Throws Refusal for a profile that can't be read or is invalid, and for
 * security features that this host has and mydocker does not use.
 */
export function lookUpSecurity(
  { options, ...given }: SecurityOptions,
  isolation: IsolationConfig,
): SecurityConfig {
  const config: SecurityConfig = { ...given, securityOptions: [] };
  for (const option of options) config.securityOptions!.push(apply(config, option, isolation));
  return config;
}

/** Applies an option to `config`; returns it as inspect shows it. */
function apply(config: SecurityConfig, option: SecurityOption, isolation: IsolationConfig): string {
  if (option.kind === "apparmor" || option.kind === "label") refuseWhereItCounts(option.kind, option.value);
  if (option.kind !== "seccomp") return option.text;
  if (typeof option.filter === "string") {
    config.seccomp = option.filter === "unconfined" ? option.filter : undefined;
    return option.text;
  }
  const { json, filter } = readProfile(option.filter.profile, capabilitiesOf(isolation));
  config.seccomp = filter === undefined ? "unconfined" : { filter };
  return `seccomp=${json}`;
}

/** Where the host lacks the feature, docker ignores the option. Where it has it, ignoring would be a lie. */
function refuseWhereItCounts(name: "apparmor" | "label", value: string): void {
  if (value === "unconfined" || value === "disable") return;
  const place =
    { apparmor: "/sys/kernel/security/apparmor/profiles", label: "/sys/fs/selinux/enforce" }[name];
  try {
    Deno.statSync(place);
  } catch {
    return;
  }
  throw new Refusal(`--security-opt ${name}=${value}: this host has it, but mydocker does not use it`);
}
