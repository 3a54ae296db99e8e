// --security-opt

import type { Flag, Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import type { ContainerConfig } from "../model/container.ts";

export const SECURITY_FLAGS: Flag[] = [
  {
    name: "security-opt",
    kind: "list",
    help: "Security Options: no-new-privileges, seccomp=unconfined|FILE or systempaths=unconfined",
  },
];

/** What the options come to in a container's configuration. */
export type SecurityConfig = Pick<
  ContainerConfig,
  "securityOptions" | "seccomp" | "noNewPrivileges" | "exposedSystemPaths"
>;

/**
 * The configuration of a container that has these capabilities. Of several options about the same thing the
 * last one counts. Throws Refusal for what docker refuses, and for what this host has and mydocker does
 * not use.
 */
export async function securityOptions(parsed: Parsed, capabilities: number[]): Promise<SecurityConfig> {
  const options = parsed.list("security-opt");
  if (options.length === 0) return {};
  const config: SecurityConfig = { securityOptions: [] };
  for (const option of options) {
    if (option === "systempaths=unconfined") config.exposedSystemPaths = true;
    else config.securityOptions!.push(await apply(config, option, capabilities));
  }
  return config;
}

/** Sets in `config` what an option says; returns it as inspect shows it. */
async function apply(config: SecurityConfig, option: string, capabilities: number[]): Promise<string> {
  const [name, value] = split(option);
  const path = profilePath(name, value);
  if (name === "no-new-privileges") config.noNewPrivileges = truth(value, option);
  else if (path !== undefined) {
    const { readProfile } = await import("../seccomp/profile.ts");
    const { json, filter } = await readProfile(path, capabilities);
    config.seccomp = filter === undefined ? "unconfined" : { filter };
    return `seccomp=${json}`;
  } else if (name === "seccomp") config.seccomp = value === "unconfined" ? value : undefined;
  else if (name === "apparmor" || name === "label") refuseWhereItCounts(name, value);
  else throw new Refusal(`invalid --security-opt 2: ${goQuote(option)}`);
  return option;
}

/** At "=", or at ":" as of old. */
function split(option: string): [string, string] {
  if (option === "no-new-privileges") return [option, "true"];
  const [name, value] = option.split(option.includes("=") ? /=(.*)/s : /:(.*)/s);
  if (value === undefined || (value === "" && option.includes("="))) {
    throw new Refusal(`Invalid --security-opt: ${goQuote(option)}`);
  }
  return [name, value];
}

function profilePath(name: string, value: string): string | undefined {
  return name === "seccomp" && value !== "unconfined" && value !== "builtin" ? value : undefined;
}

function truth(value: string, option: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Refusal(`invalid --security-opt 2: ${goQuote(option)}`);
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
