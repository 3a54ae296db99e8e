// Parses --for and --wait-for; lifecycle/ready.ts does the waiting.

import type { Flag, Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import type { Readiness } from "../model/readiness.ts";

const WAIT_TIMEOUT: Flag = {
  name: "wait-timeout",
  kind: "int",
  value: "seconds",
  help: "Give up waiting after this many seconds and exit with 124",
};

/** The flags that run -d and wait share; each has its own name for the first one. */
export function readinessFlags(name: "for" | "wait-for"): Flag[] {
  const help =
    "Wait until the log contains a text, a TCP port is listened on (port:N), or the container ends (exit)";
  return [{ name, kind: "string", value: "'text'|port:N|exit", help }, WAIT_TIMEOUT];
}

/** The flags of run. */
export const READINESS_FLAGS = readinessFlags("wait-for");

/** The values of these flags; undefined if none is given. Throws Refusal for invalid ones. */
export function readiness(parsed: Parsed, name: "for" | "wait-for"): Readiness | undefined {
  const spec = parsed.text(name);
  const seconds = parsed.int("wait-timeout");
  if (seconds !== undefined && seconds < 0) {
    throw new Refusal(`--wait-timeout ${seconds}: there is no such number of seconds`);
  }
  if (spec === undefined && seconds === undefined) return undefined;
  return { what: parseWhat(spec ?? "exit", `--${name}`), seconds: seconds ?? Infinity };
}

function parseWhat(spec: string, flag: string): Readiness["what"] {
  if (spec === "") throw new Refusal(`${flag}: give a text to wait for, port:N or exit`);
  if (spec === "exit") return { kind: "exit" };
  if (!spec.startsWith("port:")) return { kind: "text", text: spec };
  const port = /^port:\d+$/.test(spec) ? Number(spec.slice(5)) : 0;
  if (port >= 1 && port <= 65535) return { kind: "port", port };
  throw new Refusal(`${flag} ${spec}: a TCP port is a number from 1 to 65535`);
}
