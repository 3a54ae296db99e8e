// Who has which address: networks/NAME/addresses/ADDRESS@ID says that the container of that ID has it. The
// keeper removes the claim at the container's end; what a killed keeper left counts for nothing, as its
// container's lock is free, and goes with the next repair (repair.ts). A claim's name says whose it is, so
// that nobody ever removes another's.

import * as file from "../../ffi/file.ts";
import { keeperLives } from "../container/state.ts";
import { rootFd } from "../store/root.ts";
import type { Network } from "./store.ts";

type Named = Pick<Network, "name">;

export interface Claim {
  address: string;
  /** The container's ID. */
  owner: string;
}

/** Where the network keeps its claims, relative to the root directory. */
export function claimsFolder({ name }: Named): string {
  return `networks/${name}/addresses`;
}

/** Where a claim is, relative to the root directory. */
export function claimPath(network: Named, address: string, id: string): string {
  return `${claimsFolder(network)}/${address}@${id}`;
}

/** All claims on a network's addresses, of containers dead or alive; none where the network is gone. */
export function claimsOn(network: Named): Claim[] {
  const folder = file.openIfAny(rootFd(), claimsFolder(network), file.O_RDONLY | file.O_DIRECTORY);
  if (folder === undefined) return [];
  try {
    return file.entries(folder).map(({ name }) => name.split("@")).filter(({ length }) => length === 2)
      .map(([address, owner]) => ({ address, owner }));
  } finally {
    file.close(folder);
  }
}

/** Whether the container has a keeper: who starts it counts, too. */
export function isKept(id: string): boolean {
  return keeperLives(rootFd(), `containers/${id}`);
}

/** Gives a container's addresses back. */
export function releaseAddresses(network: Named, addresses: string[], id: string): void {
  for (const address of addresses) file.unlinkIfAny(rootFd(), claimPath(network, address, id));
}
