// Published ports of a container that leaves the network they lead to: they lead to the next one, or nowhere.

import * as file from "../../ffi/file.ts";
import { raisePortsAnew } from "../nat/firewall.ts";
import type { PublishedPort } from "../nat/rules.ts";
import { writeFile } from "../state/json.ts";
import type { Endpoint } from "./endpoint.ts";
import { isIpv6 } from "./join.ts";
import { type PortNote, PORTS, readPorts } from "./ports.ts";
import { keeperSocket } from "./reload.ts";
import { networkByName } from "./store.ts";

/** `dir` is the directory of a container that runs; `rest` are the endpoints it keeps. */
export async function movePorts(dir: number, left: Endpoint, rest: Endpoint[]): Promise<void> {
  const note = readPorts(dir);
  if (!note?.ports.some(({ address }) => left.addresses.includes(address))) return;
  const next = await firstOuter(rest);
  const ports = note.ports.flatMap((port): PublishedPort[] => {
    const address = next?.endpoint.addresses.find((one) => isIpv6(one) === isIpv6(port.address));
    return address === undefined ? [] : [{ ...port, address }];
  });
  const socket = keeperSocket(dir, note.firewall);
  const moved: PortNote = { ...note, bridge: next?.bridge ?? note.bridge, ports };
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
