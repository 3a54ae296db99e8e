// Published ports of a container whose networks change while it runs.

import * as file from "../../ffi/file.ts";
import { raisePortsAnew } from "../nat/firewall.ts";
import type { PublishedPort } from "../nat/rules.ts";
import { writeFile } from "../base/json.ts";
import { type Endpoint, isIpv6 } from "./endpoint.ts";
import { type PortNote, PORTS, readPorts } from "../container/ports.ts";
import { keeperSocket } from "./reload.ts";
import { networkByName } from "./store.ts";

/**
 * Leads the ports of a container that runs, whose directory is `dir`, to one of these endpoints: the one that
 * they lead to, as long as that is among them. Where there is none, they lead nowhere, but the host keeps
 * them for it.
 */
export async function leadPorts(dir: number, endpoints: Endpoint[]): Promise<void> {
  const note = readPorts(dir);
  if (!note) return;
  const all = note.all ?? note.ports;
  const stays = note.ports.some(({ address }) =>
    endpoints.some(({ addresses }) => addresses.includes(address))
  );
  if (stays) return;
  const next = await firstOuter(endpoints);
  const ports = all.flatMap((port): PublishedPort[] => {
    const address = next?.endpoint.addresses.find((one) => isIpv6(one) === isIpv6(port.address));
    return address === undefined ? [] : [{ ...port, address }];
  });
  if (ports.length === 0 && note.ports.length === 0) return;
  const socket = keeperSocket(dir, note.firewall);
  const moved: PortNote = { ...note, bridge: next?.bridge ?? note.bridge, ports, all };
  await raisePortsAnew({ name: note.rules, ports }, note.ports, moved.bridge, socket);
  if (socket !== undefined) file.close(socket);
  writeFile(dir, PORTS, JSON.stringify(moved));
}

async function firstOuter(
  endpoints: Endpoint[],
): Promise<{ endpoint: Endpoint; bridge: string } | undefined> {
  for (const endpoint of endpoints) {
    const network = await networkByName(endpoint.network);
    if (network && !network.internal) return { endpoint, bridge: network.interface };
  }
  return undefined;
}
