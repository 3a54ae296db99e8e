// What a container's keeper would have done about its networks, had it not been killed.

import type { Container } from "../container/find.ts";
import { settle } from "./bridge.ts";
import { releaseAddresses } from "./claims.ts";
import { readEndpoints } from "./endpoint.ts";
import { refreshNames } from "./names.ts";
import { readPorts } from "./ports.ts";
import { networkExists } from "./store.ts";

/** Gives back what the container had, and takes down the bridges that nobody uses then. The caller has its lock. */
export async function leaveForKilled({ id, dir }: Pick<Container, "id" | "dir">): Promise<void> {
  for (const { network, addresses } of readEndpoints(dir)) {
    if (networkExists(network)) releaseAddresses({ name: network }, addresses, id);
  }
  const ports = readPorts(dir);
  if (ports && ports.firewall === undefined) {
    await (await import("../nat/firewall.ts")).lowerPorts(ports.rules);
  }
  refreshNames(readEndpoints(dir).map(({ network }) => network));
  await settle();
}
