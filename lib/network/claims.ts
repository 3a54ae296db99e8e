// Which container has which address: the file networks/NAME/addresses/ADDRESS@ID says that container ID has
// ADDRESS. The keeper removes the claim at the container's end. A claim that a killed keeper left counts for
// nothing, because its container's lock is free; the next repair removes it (repair.ts). A claim's name
// contains its owner, so that no process ever removes another's claim.

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

/** The path of a claim, relative to the root directory. */
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

/** Whether the container has a keeper, or is being started. */
export function isKept(id: string): boolean {
  return keeperLives(rootFd(), `containers/${id}`);
}

/** Releases a container's addresses. */
export function releaseAddresses(network: Named, addresses: string[], id: string): void {
  for (const address of addresses) file.unlinkIfAny(rootFd(), claimPath(network, address, id));
}
