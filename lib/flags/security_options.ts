// --security-opt

import { Refusal } from "../base/error.ts";
import { goBool, goQuote } from "../template/go_text.ts";

/** The options; lifecycle/security_look_up.ts turns them into fields of a container's record. */
export interface SecurityOptions {
  /** In order, without "systempaths=…". A profile is a file's path. */
  options: SecurityOption[];
  noNewPrivileges?: boolean;
  /** Nothing of /proc and /sys is masked or read-only. */
  exposedSystemPaths?: boolean;
}

export type SecurityOption =
  | { kind: "plain"; text: string }
  /** seccomp=…: no filter, docker's default filter, or that of a file. */
  | { kind: "seccomp"; text: string; filter: "unconfined" | "builtin" | { profile: string } }
  /** A label or profile, which is refused on hosts that support it. */
  | { kind: "apparmor" | "label"; text: string; value: string };

/** The last of several options about the same subject counts. Throws Refusal for what docker refuses. */
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

/** At "=", or at ":", which is the old form. */
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
  const truth = goBool(value);
  if (truth === undefined) throw new Refusal(`invalid --security-opt 2: ${goQuote(option)}`);
  return truth;
}
