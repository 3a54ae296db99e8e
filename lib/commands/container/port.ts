// port: lists the published ports of a container.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { findContainer } from "../../container/find.ts";
import { containerState, isAlive } from "../../container/state.ts";
import { parsePort } from "../../flags/port_spec.ts";
import { publishedPorts } from "../../container/ports.ts";
import type { PortBinding } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "port",
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  summary: "List port mappings or a specific mapping for the container",
  aliases: ["container port"],
  flags: [],
  args: [1, 2],
};

/** Prints the addresses of ports. A port that is asked for must be published. */
export function run(parsed: Parsed): number {
  const [reference, wanted] = parsed.args;
  const { dir, config } = findContainer(reference);
  const ports = publishedPorts(dir, config, isAlive(containerState(dir)));
  file.close(dir);
  if (wanted === undefined) {
    print(
      Object.entries(ports).sort(byPort).flatMap(([port, bindings]) =>
        (bindings ?? []).map((binding) => `${port} -> ${shown(binding)}\n`)
      ).join(""),
    );
    return 0;
  }
  const [port, protocol = "tcp"] = wanted.split(/\/(.*)/s);
  const number = parsePort(port, (why) => new Failure(`invalid port (${wanted}): ${why}`));
  const bindings = ports[`${number}/${protocol}`];
  if (!bindings) {
    throw new Failure(`No public port '${number}/${protocol}' published for ${reference}`);
  }
  print(bindings.map((binding) => `${shown(binding)}\n`).join(""));
  return 0;
}

function shown({ HostIp, HostPort }: PortBinding): string {
  return `${HostIp}:${HostPort}`;
}

function byPort([a]: [string, unknown], [b]: [string, unknown]): number {
  return parseInt(a) - parseInt(b) || (a < b ? -1 : 1);
}
