// network connect and disconnect. For a container that does not run, only its configuration changes.

import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { isIpv6 } from "../base/address.ts";
import { Failure } from "../base/error.ts";
import { findContainer } from "../container/find.ts";
import { containerState, firstProcess } from "../container/state.ts";
import { openLock } from "../container/lost_lock.ts";
import { append } from "../events/append.ts";
import { endpointEvent } from "../events/emit.ts";
import { CONNECTED } from "../keeper/network_steps.ts";
import { randomHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { sleep } from "../base/sleep.ts";
import { bringUpBridge, removeUnusedBridges } from "./bridge.ts";
import {
  changeConfig,
  joinedTo,
  type Later,
  leaveNetwork,
  orLeaveNetwork,
  whileChangesAreLocked,
} from "./change.ts";
import {
  checkEndpoint,
  defaultRoutes,
  type Endpoint,
  readEndpoints,
  vethName,
  writeEndpoints,
} from "./endpoint.ts";
import { claimEndpoint, holdNetwork, interfacePlan } from "./join.ts";
import { removeLink } from "./link.ts";
import { addInterfaces } from "./interfaces.ts";
import { redirectPorts } from "./republish.ts";
import { openNetwork } from "./shared.ts";
import { findNetwork, type Network, networkByName } from "./store.ts";
import type { Container, EndpointRequest } from "../model/container.ts";

/** How long a container may take to start, in ms. */
const PATIENCE = 10_000;

const refused = (message: string) => new Failure(message);

/** Connects a container to a network. Throws Failure, in docker's words. */
export async function connectNetwork(
  reference: string,
  name: string,
  wishes: Omit<EndpointRequest, "network">,
): Promise<void> {
  const network = await bridgeNetwork(reference);
  checkEndpoint(network, wishes);
  await whileChangesAreLocked(async (later) => {
    const container = findContainer(name);
    try {
      requireOwnNetwork(container, network);
      if (container.config.networks?.some((one) => one.network === network.name)) {
        throw refused(
          `endpoint with name ${container.config.name} already exists in network ${network.name}`,
        );
      }
      const request = { network: network.name, ...wishes };
      await dependingOnState(container, {
        stopped: () => changeConfig(container.dir, (networks) => [...networks, request]),
        running: () => connectRunning(container, network, request, later),
      });
    } finally {
      file.close(container.dir);
    }
  });
}

/** Disconnects a container from a network; with `force` also where there is no such container any more. */
export async function disconnectNetwork(reference: string, name: string, force: boolean): Promise<void> {
  const network = await bridgeNetwork(reference);
  await whileChangesAreLocked(async (later) => {
    const container = findContainer(name);
    try {
      const endpoint = readEndpoints(container.dir).find(({ networkId }) => networkId === network.id);
      const isMember = container.config.networks?.some((one) => one.network === network.name);
      if (!isMember && !(force && endpoint)) {
        throw refused(`container ${container.id} is not connected to network ${network.name}`);
      }
      await dependingOnState(container, {
        stopped: () =>
          changeConfig(container.dir, (networks) => networks.filter((one) => one.network !== network.name)),
        running: async () => {
          if (endpoint) {
            await orLeaveNetwork(
              container.id,
              endpoint,
              later,
              () => leaveNetwork(container.id, endpoint, later),
            );
          }
          append([endpointEvent(network, container.id, "disconnect")]);
        },
      });
    } finally {
      file.close(container.dir);
    }
  });
}

async function bridgeNetwork(reference: string): Promise<Network> {
  const found = await findNetwork(reference);
  const network = found && await networkByName(found.name);
  if (!network) throw refused(`network ${reference} not found`);
  if (network.driver === "host") {
    throw refused("container cannot be disconnected from host network or connected to host network");
  }
  if (network.driver === "null") throw noneIsAlone();
  return network;
}

function requireOwnNetwork({ config }: Container, network: Network): void {
  if (config.network === "none") throw noneIsAlone();
  if (config.network !== "host" && !config.network.startsWith("container:")) return;
  throw refused(
    "container sharing network namespace with another container or host cannot be connected to any other network: " +
      network.name,
  );
}

const noneIsAlone = () =>
  refused(
    "container cannot be connected to multiple networks with one of the networks in private (none) mode",
  );

/** Calls `stopped` while the container does not run and nobody can start it, or else `running`. */
async function dependingOnState(
  container: Container,
  { stopped, running }: { stopped: () => void; running: () => Promise<void> },
): Promise<void> {
  const patience = performance.now() + PATIENCE;
  for (;;) {
    const lock = await openLock(container);
    try {
      if (tryLock(lock, "exclusive")) return stopped();
    } finally {
      file.close(lock);
    }
    if (firstProcess(container.dir) !== undefined) return await running();
    // It is being started. When that is over, it has the networks of its configuration.
    if (performance.now() > patience) {
      throw refused(
        `container ${container.config.name} is ${containerState(container.dir).status}; try again`,
      );
    }
    sleep(5);
  }
}

/** Gives a running container everything it would have got from this network at its start. */
async function connectRunning(
  container: Container,
  known: Network,
  request: EndpointRequest,
  later: Later,
): Promise<void> {
  const { id, dir, config } = container;
  const route = netlink.openRoute();
  const users = holdNetwork(known.name); // until the address is claimed
  try {
    const { network, index } = await bringUpBridge(route, known);
    const before = readEndpoints(dir);
    writeFile(dir, CONNECTED, "");
    const begun = emptyEndpoint(network, freeName(before));
    await orLeaveNetwork(id, begun, later, async (note) => {
      const endpoint = {
        ...await claimEndpoint(network, request, id, undefined, begun.interface),
        id: begun.id,
      };
      note(endpoint);
      removeLink(route, vethName(endpoint));
      const namespace = openNetwork(dir);
      if (namespace === undefined) throw refused(`container ${config.name} has just ended`);
      const had = defaultRoutes(await joinedTo(before));
      const has = defaultRoutes([...await joinedTo(before), { endpoint, network }]);
      addInterfaces(namespace, {
        socket: route,
        interfaces: [interfacePlan(network, endpoint, index)],
        routes: has.filter(({ what }) => !had.some((one) => one.what === what)),
        ipv6: endpoint.addresses.some(isIpv6),
      });
      file.close(namespace);
      writeEndpoints(dir, [...before, endpoint]);
      await redirectPorts(dir, [...before, endpoint]);
      changeConfig(dir, (networks) => [...networks, request]);
      later(id, network.name);
    });
    append([endpointEvent(network, id, "connect")]);
  } finally {
    file.close(users);
    file.close(route);
    await removeUnusedBridges([known.name]); // nobody may have joined it
  }
}

/** The endpoint before it has an address. */
function emptyEndpoint(network: Network, name: string): Endpoint {
  return {
    id: randomHex(),
    network: network.name,
    networkId: network.id,
    interface: name,
    addresses: [],
    prefixes: [],
    gateways: [],
    mac: "",
  };
}

/** The first of eth0, eth1 and so on that the container does not have. */
function freeName(endpoints: { interface: string }[]): string {
  for (let n = 0;; n++) if (!endpoints.some((one) => one.interface === `eth${n}`)) return `eth${n}`;
}
