// port: what of a container's ports can be reached from outside. Nothing can, yet: there is no network to publish to.

import * as file from "../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../cli/command.ts";
import { CommandError } from "../cli/error.ts";
import { goQuote } from "../cli/go_text.ts";
import { findContainer } from "../container/find.ts";

export const spec: CommandSpec = {
  name: "port",
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  summary: "List a container's published ports",
  aliases: ["container port"],
  flags: [],
  args: [1, 2],
};

/** Prints nothing; a port that is asked for is not published, as docker says it. */
export function run(parsed: Parsed): number {
  const [reference, wanted] = parsed.args;
  file.close(findContainer(reference).dir);
  if (wanted === undefined) return 0;
  const [port, protocol = "tcp"] = wanted.split(/\/(.*)/s);
  if (!/^\d+$/.test(port) || Number(port) > 65535) {
    const problem = /^\d+$/.test(port) ? "value out of range" : "invalid syntax";
    throw new CommandError(
      `invalid port (${wanted}): strconv.ParseUint: parsing ${goQuote(port)}: ${problem}`,
      1,
    );
  }
  throw new CommandError(`No public port '${port}/${protocol}' published for ${reference}`, 1);
}
