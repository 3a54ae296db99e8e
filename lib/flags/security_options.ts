// --security-opt

import { Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";

/** What the options say; lifecycle/security_look_up.ts makes of it what a container's record has. */
export interface SecurityOptions {
  /** One after the other, but for "systempaths=…". A profile is a file's path. */
  options: SecurityOption[];
  noNewPrivileges?: boolean;
  /** Nothing of /proc and /sys is masked or read-only. */
  exposedSystemPaths?: boolean;
}

export type SecurityOption =
  | { kind: "plain"; text: string }
  /** seccomp=…: no filter, docker's default one, or that of a file. */
  | { kind: "seccomp"; text: string; filter: "unconfined" | "builtin" | { profile: string } }
  /** A label or a profile, which is refused on a host that has such a thing. */
  | { kind: "apparmor" | "label"; text: string; value: string };

/**
 * Of several options about the same thing the last one counts. Throws Refusal for what docker refuses.
 */
export function parseSecurityOptions(texts: string[]): SecurityOptions {
  const security: SecurityOptions = { options: [] };
  for (const text of texts) {
    if (text === "systempaths=unconfined") {
      security.exposedSystemPaths = true;
      continue;
    }
    const [name, value] = split(text);
    if (name === "seccomp") security.options.push({ kind: name, text, filter: seccompFilter(value) });
    else if (name === "apparmor" || name === "label") security.options.push({ kind: name, text, value });
    else if (name === "no-new-privileges") {
      security.noNewPrivileges = truth(value, text);
      security.options.push({ kind: "plain", text });
    } else throw new Refusal(`invalid --security-opt 2: ${goQuote(text)}`);
  }
  return security;
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

function seccompFilter(value: string): "unconfined" | "builtin" | { profile: string } {
  return value === "unconfined" || value === "builtin" ? value : { profile: value };
}

function truth(value: string, option: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Refusal(`invalid --security-opt 2: ${goQuote(option)}`);
}
