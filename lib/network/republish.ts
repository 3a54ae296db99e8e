// Published ports of a running container whose networks change.

import * as file from "../../ffi/file.ts";
import { replacePortRules } from "../nat/firewall.ts";
import type { PublishedPort } from "../nat/rules.ts";
import { writeFile } from "../base/json.ts";
import { isIpv6 } from "../base/address.ts";
import type { Endpoint } from "./endpoint.ts";
import { type PortNote, PORTS, readPorts } from "../container/ports.ts";
import { keeperSocket } from "./reload.ts";
import { networkByName } from "./store.ts";

/**
 * Leads the ports of a running container, whose directory is `dir`, to one of these endpoints: to the present
 * one if it is among them. If there is none, the ports lead nowhere, but the host keeps them for the
 * container.
 */
export async function redirectPorts(dir: number, endpoints: Endpoint[]): Promise<void> {
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
  await replacePortRules({ name: note.rules, ports }, note.ports, moved.bridge, socket);
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
