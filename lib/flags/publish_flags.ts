// The flags of run and create that are about ports; lib/flags/port_spec.ts knows what they mean.

import type { Flag, Parsed } from "../cli/command.ts";
import type { Publishing } from "./port_spec.ts";

export const PUBLISH_FLAGS: Flag[] = [
  { name: "expose", kind: "list", value: "port", help: "A port, or a range of them, that the container has" },
  {
    name: "publish",
    short: "p",
    kind: "list",
    value: "port",
    help: "Have a port of the host lead to one of the container's ([ip:][host:]container[/protocol])",
  },
  {
    name: "publish-all",
    short: "P",
    kind: "bool",
    help: "Have ports of the host lead to all that the image or --expose names",
  },
];

/** The parser is loaded only where there is something to parse. Throws CommandError, in docker's words. */
export async function publishing(parsed: Parsed, network: string): Promise<Publishing> {
  if (!PUBLISH_FLAGS.some(({ name }) => parsed.given(name))) return { exposed: {} };
  const { parsePorts } = await import("./port_spec.ts");
  return parsePorts(parsed, network);
}
