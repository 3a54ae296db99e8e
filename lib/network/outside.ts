// What a network needs of the host's packet filter: its way out. Called with all locks that are needed for it, once
// before the network's interface comes up and once before it is deleted.

import type { Network } from "./store.ts";

/** The network's interface is made, and has its addresses; it is up when this returns. */
export async function networkCameUp(_network: Network): Promise<void> {
}

/** Nobody uses the network any more; its interface is deleted when this returns. */
export async function lastUserLeft(_network: Network): Promise<void> {
}
