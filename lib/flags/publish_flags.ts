// The flags of run and create about ports; port_spec.ts parses them.

import type { Flag, Parsed } from "../cli/command.ts";
import type { Publishing } from "./port_spec.ts";

export const PUBLISH_FLAGS: Flag[] = [
  { name: "expose", kind: "list", value: "port", help: "Expose a port or a range of ports" },
  {
    name: "publish",
    short: "p",
    kind: "list",
    value: "port",
    help: "Publish a container's port(s) to the host ([ip:][host:]container[/protocol])",
  },
  {
    name: "publish-all",
    short: "P",
    kind: "bool",
    help: "Publish all exposed ports to random ports",
  },
];

/** The parser is loaded only if a flag needs it. Throws Refusal, in docker's words. */
export async function publishing(
  parsed: Parsed,
  networkMode: string,
): Promise<Publishing> {
  if (!PUBLISH_FLAGS.some(({ name }) => parsed.given(name))) return { exposed: {}, warnings: [] };
  const { parsePorts } = await import("./port_spec.ts");
  return parsePorts(parsed, networkMode);
}
