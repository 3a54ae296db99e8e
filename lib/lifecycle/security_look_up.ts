// --security-opt on this host: profiles are read and compiled.

import { Refusal } from "../base/error.ts";
import type { SecurityOption, SecurityOptions } from "../flags/security_options.ts";
import type { ContainerConfig, IsolationConfig } from "../model/container.ts";
import { readProfile } from "../seccomp/profile.ts";
import { capabilitiesOf } from "../security/capabilities.ts";

/** What the record of a container has of --security-opt. */
export type SecurityConfig = Pick<
  ContainerConfig,
  "securityOptions" | "seccomp" | "noNewPrivileges" | "exposedSystemPaths"
>;

/**
 * Of a container with these isolation. Throws Refusal for a profile that can't be read or makes no sense, and
 * for what this host has and mydocker does not use.
 */
export function lookUpSecurity(
  { options, ...given }: SecurityOptions,
  isolation: IsolationConfig,
): SecurityConfig {
  const config: SecurityConfig = { ...given, securityOptions: [] };
  for (const option of options) config.securityOptions!.push(apply(config, option, isolation));
  return config;
}

/** Sets in `config` what an option says; returns it as inspect shows it. */
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

/** Where the host has no such thing, docker does not mind; where it has, silence would be a lie. */
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
