// A container's rules as nf_tables: a table of its own per address family, which belongs to the socket that made it
// (NFT_TABLE_F_OWNER). The keeper holds that socket, so the kernel takes the rules away with it, however it ends; until
// then nobody else can: what flushes the ruleset leaves such tables alone. Of several tables each decides for itself:
// what one drops is gone, and who accepts only ends its own chain. So all containers of a network say the same of it.
//
//   table ip mydocker_MARK_ID {
//     chain guard       { filter, prerouting, raw: from the bridge to 127.0.0.0/8: drop }
//     chain prerouting  { nat: for this host: jump ports }        chain output { the same }
//     chain ports       { for each address and protocol: dnat to the container, port by map }
//     chain postrouting { nat: out of the subnet: masquerade; … }
//     chain forward     { filter: into and out of the bridge }
//   }

import { addressBytes, subnetBytes } from "./address.ts";
import { type Family, type Messages, NLM_F } from "./nft_bytes.ts";
import * as x from "./nft_expressions.ts";
import type { ContainerRules, RuledNetwork, RuledPort } from "./rules.ts";

const TABLE_OWNER = 2;
/** Numbers of include/uapi/linux/netfilter.h and netfilter_ipv4.h. */
const HOOKS = {
  guard: { type: "filter", hook: 0, priority: -300 },
  prerouting: { type: "nat", hook: 0, priority: -100 },
  output: { type: "nat", hook: 3, priority: -100 },
  postrouting: { type: "nat", hook: 4, priority: 100 },
  forward: { type: "filter", hook: 2, priority: 0 },
} as const;
type Chain = keyof typeof HOOKS | "ports";

/** Elements in one message: an attribute's length has 16 bits. */
const ELEMENTS = 1000;

const LOOPBACK = Uint8Array.of(127, 0, 0, 0);

/** Writes the messages that make all of a container's tables. */
export function addTables(messages: Messages, rules: ContainerRules, owned: boolean): void {
  for (const family of families(rules)) {
    addTable(newTable(messages, family, rules.name), family, {
      name: rules.name,
      networks: rules.networks.filter((network) => network.family === family),
      ports: rules.ports.filter((port) => port.family === family),
    }, owned);
  }
}

/** Writes those that take them away. */
export function deleteTables(messages: Messages, rules: ContainerRules): void {
  for (const family of families(rules)) {
    messages.message(family, "deleteTable", NLM_F.ack, () => messages.text(1, rules.name));
  }
}

/** Which kinds of addresses, and so of tables, it has. */
export function families({ networks }: ContainerRules): Family[] {
  return (["ip", "ip6"] as const).filter((family) => networks.some((network) => network.family === family));
}

/** What a table is made of, in messages about it. */
interface Table {
  w: Messages;
  add(kind: "newTable" | "newSet" | "newElements", flags: number, attributes: () => void): void;
  chain(name: Chain): void;
  rule(chain: Chain, ...parts: ((w: Messages) => void)[]): void;
}

function newTable(w: Messages, family: Family, name: string): Table {
  return {
    w,
    add: (kind, flags, attributes) =>
      w.message(family, kind, NLM_F.create | flags, () => {
        w.text(1, name);
        attributes();
      }),
    chain: (chain) =>
      w.message(family, "newChain", NLM_F.create, () => {
        w.text(1, name);
        w.text(3, chain);
        if (chain === "ports") return;
        const { type, hook, priority } = HOOKS[chain];
        w.nested(4, () => {
          w.number(1, hook);
          w.number(2, priority);
        });
        w.text(7, type);
      }),
    rule: (chain, ...parts) =>
      w.message(family, "newRule", NLM_F.create | NLM_F.append, () => {
        w.text(1, name);
        w.text(2, chain);
        w.nested(4, () => parts.forEach((part) => part(w)));
      }),
  };
}

function addTable(t: Table, family: Family, { networks, ports }: ContainerRules, owned: boolean): void {
  t.add("newTable", NLM_F.ack, () => t.w.number(2, owned ? TABLE_OWNER : 0));
  t.chain("forward");
  for (const network of networks) forward(t, network);
  if (networks.some(({ internal }) => !internal)) t.chain("postrouting");
  for (const network of networks) if (!network.internal) translate(t, network);
  if (family === "ip") {
    t.chain("guard");
    for (const { bridge } of networks) guard(t, bridge);
  }
  if (ports.length > 0) publish(t, family, ports);
}

const to = (bridge: string) => (w: Messages) => x.by(w, "oifname", bridge);
const from = (bridge: string) => (w: Messages) => x.by(w, "iifname", bridge);
const accept = (w: Messages) => x.verdict(w, "accept");
const drop = (w: Messages) => x.verdict(w, "drop");
const toLoopback = (w: Messages) => x.inSubnet(w, "ip", "daddr", LOOPBACK, 8);

/** A bridge for which route_localnet is on must not be a way to what listens on the host's loopback only. */
function guard(t: Table, bridge: string): void {
  t.rule("guard", from(bridge), toLoopback, drop);
}

/** Into a network comes what belongs to a connection from it, or asks for a published port. */
function forward(t: Table, { bridge, internal }: RuledNetwork): void {
  if (!internal) t.rule("forward", to(bridge), x.established, accept);
  t.rule("forward", from(bridge), to(bridge), accept);
  t.rule("forward", ...(internal ? [from(bridge), drop] : [to(bridge), x.redirected, accept]));
  t.rule("forward", to(bridge), drop);
}

/** Whose address has to be another for the answers to find the way back. */
function translate(t: Table, { family, bridge, subnet, masquerade }: RuledNetwork): void {
  const { address, bits } = subnetBytes(subnet);
  const fromSubnet = (w: Messages) => x.inSubnet(w, family, "saddr", address, bits);
  if (masquerade) {
    t.rule("postrouting", fromSubnet, (w) => x.by(w, "oifname", bridge, true), x.masquerade);
  }
  if (family === "ip") {
    const fromLoopback = (w: Messages) => x.inSubnet(w, "ip", "saddr", LOOPBACK, 8);
    t.rule("postrouting", fromLoopback, to(bridge), x.masquerade);
  }
  // To a port of a neighbour, or its own, by the host's address: without it the neighbour would answer directly.
  t.rule("postrouting", fromSubnet, to(bridge), x.redirected, x.masquerade);
}

function publish(t: Table, family: Family, ports: RuledPort[]): void {
  for (const chain of ["ports", "prerouting", "output"] as const) t.chain(chain);
  // From other machines nothing can be for 127.0.0.1, whatever an interface lets in.
  if (family === "ip") t.rule("prerouting", toLoopback, (w) => x.verdict(w, "return"));
  for (const chain of ["prerouting", "output"] as const) {
    t.rule(chain, x.forThisHost, (w) => x.verdict(w, "jump", "ports"));
  }
  const groups = Map.groupBy(ports, ({ hostIp, protocol, address }) => `${hostIp} ${protocol} ${address}`);
  [...groups.values()].forEach((group, index) => publishGroup(t, family, group, index + 1));
}

/** Ports of one protocol, on one address of the host, of one of the container's. */
function publishGroup(t: Table, family: Family, group: RuledPort[], id: number): void {
  const [{ protocol, hostIp, address }] = group;
  const map = `ports${id}`;
  t.add("newSet", 0, () => {
    t.w.text(2, map);
    x.portMap(t.w, id);
  });
  for (let at = 0; at < group.length; at += ELEMENTS) {
    t.add("newElements", 0, () => {
      t.w.text(2, map);
      t.w.number(4, id);
      t.w.nested(3, () => {
        for (const { hostPort, port } of group.slice(at, at + ELEMENTS)) x.portElement(t.w, hostPort, port);
      });
    });
  }
  const host = addressBytes(hostIp)!;
  t.rule("ports", (w) => {
    x.ofProtocol(w, protocol);
    if (host.some((byte) => byte !== 0)) x.inSubnet(w, family, "daddr", host);
    x.redirect(w, family, addressBytes(address)!, map, id);
  });
}
