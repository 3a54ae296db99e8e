// unpublish-ports: a keeper starts it when its container has ended, if iptables has rules for its ports or
// some are UDP ports. Not for users.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { forgetUdp } from "../../nat/conntrack.ts";
import { removePortRules } from "../../nat/firewall.ts";

export const spec: CommandSpec = {
  name: "unpublish-ports",
  usage: "RULES [PORT@ADDRESS...]",
  summary: "Remove the firewall's rules of published ports, and the kernel's records of UDP packets to them",
  flags: [],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const [rules, ...ports] = parsed.args;
  if (rules !== "") await removePortRules(rules);
  forgetUdp(ports.map((port) => {
    const [hostPort, hostIp] = port.split("@");
    return { protocol: "udp", hostIp, hostPort: Number(hostPort) };
  }));
  return 0;
}
