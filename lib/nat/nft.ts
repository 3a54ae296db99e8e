// Rules as nf_tables. Each table decides for itself: a packet that one drops is lost, and accepting a packet
// only ends that table's chain. So our tables disturb nobody's, and need no agreed place among them (but see
// foreign.ts).
//
//   table ip mydocker_MARK_NETWORK {                a network's, for as long as its bridge is there
//     chain guard       { filter, prerouting, raw: from the bridge to 127.0.0.0/8: drop }
//     chain forward     { filter: into the bridge only answers, published ports, and what is from the same
//                       bridge }
//     chain postrouting { nat: out of the subnet: masquerade; … }
//   }
//   table ip mydocker_MARK_CONTAINER {              with published ports only
//     chain prerouting  { nat: for this host: jump ports }
//     chain output      { the same }
//     chain ports       { for each address and protocol: dnat to the container, the port by a map }
//   }
//
// A container's table belongs to the socket that made it (NFT_TABLE_F_OWNER), which the keeper holds. The
// kernel removes the table with the keeper, however that ends. Until then nobody else can remove it, so a
// flush of the ruleset spares it.

import { parseAddress, subnetOf, toBytes } from "../base/address.ts";
import { comment, type Messages, NLM_F } from "./nft_bytes.ts";
import * as x from "./nft_expressions.ts";
import { type Family, familyOf, type NetworkRules, type PortRules, type PublishedPort } from "./rules.ts";

const TABLE_OWNER = 2;
const TABLE_USERDATA = 6;
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

/** Writes the messages that create a network's tables. None of the tables may exist. */
export function addNetworkTables(messages: Messages, rules: NetworkRules): void {
  for (const { family, subnet } of rules.subnets) {
    const t = newTable(messages, family, rules.name);
    t.add("newTable", NLM_F.exclusive | NLM_F.ack, () => {
      if (rules.owner !== undefined) messages.bytes(TABLE_USERDATA, comment(rules.owner));
    });
    t.chain("forward");
    forward(t, rules);
    if (!rules.internal) {
      t.chain("postrouting");
      translate(t, family, subnet, rules);
    }
    if (family === "ip") {
      t.chain("guard");
      guard(t, rules.bridge);
    }
  }
}

/**
 * Writes the messages that create a container's tables. With `owned`, they belong to the socket that sends
 * them.
 */
export function addPortTables(messages: Messages, { name, ports }: PortRules, owned: boolean): void {
  for (const [family, group] of Map.groupBy(ports, ({ hostIp }) => familyOf(hostIp))) {
    const t = newTable(messages, family, name);
    t.add("newTable", NLM_F.exclusive | NLM_F.ack, () => t.w.number(2, owned ? TABLE_OWNER : 0));
    publish(t, family, group);
  }
}

/** Writes the messages that delete tables, which must exist. */
export function deleteTables(messages: Messages, name: string, families: Iterable<Family>): void {
  for (const family of families) {
    messages.message(family, "deleteTable", NLM_F.ack, () => messages.text(1, name));
  }
}

/** The parts of a table, as messages about it. */
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

const to = (bridge: string) => (w: Messages) => x.by(w, "oifname", bridge);
const from = (bridge: string) => (w: Messages) => x.by(w, "iifname", bridge);
const accept = (w: Messages) => x.verdict(w, "accept");
const drop = (w: Messages) => x.verdict(w, "drop");
const toLoopback = (w: Messages) => x.inSubnet(w, "ip", "daddr", LOOPBACK, 8);

/** Keeps a bridge with route_localnet from leading to what listens on the host's loopback only. */
function guard(t: Table, bridge: string): void {
  t.rule("guard", from(bridge), toLoopback, drop);
}

/** Packets into a network must belong to a connection from it, or ask for a published port. */
function forward(t: Table, { bridge, internal }: NetworkRules): void {
  if (!internal) t.rule("forward", to(bridge), x.established, accept);
  t.rule("forward", from(bridge), to(bridge), accept);
  t.rule("forward", ...(internal ? [from(bridge), drop] : [to(bridge), x.redirected, accept]));
  t.rule("forward", to(bridge), drop);
}

/** Masquerades packets whose answers would not find the way back otherwise. */
function translate(t: Table, family: Family, subnet: string, { bridge, masquerade }: NetworkRules): void {
  const { prefix, ...first } = subnetOf(subnet);
  const fromSubnet = (w: Messages) => x.inSubnet(w, family, "saddr", toBytes(first), prefix);
  if (masquerade) {
    t.rule("postrouting", fromSubnet, (w) => x.by(w, "oifname", bridge, true), x.masquerade);
  }
  if (family === "ip") {
    const fromLoopback = (w: Messages) => x.inSubnet(w, "ip", "saddr", LOOPBACK, 8);
    t.rule("postrouting", fromLoopback, to(bridge), x.masquerade);
  }
  // A packet to a neighbour's port, or its own, by the host's address: without masquerading, the neighbour
  // would answer directly.
  t.rule("postrouting", fromSubnet, to(bridge), x.redirected, x.masquerade);
}

function publish(t: Table, family: Family, ports: PublishedPort[]): void {
  for (const chain of ["ports", "prerouting", "output"] as const) t.chain(chain);
  // Packets from other machines can't be for 127.0.0.1, whatever interface they come in by.
  if (family === "ip") t.rule("prerouting", toLoopback, (w) => x.verdict(w, "return"));
  for (const chain of ["prerouting", "output"] as const) {
    t.rule(chain, x.forThisHost, (w) => x.verdict(w, "jump", "ports"));
  }
  const groups = Map.groupBy(ports, ({ hostIp, protocol, address }) => `${hostIp} ${protocol} ${address}`);
  [...groups.values()].forEach((group, index) => publishGroup(t, family, group, index + 1));
}

/** Publishes ports of one protocol that have one address of the host and one of the container in common. */
function publishGroup(t: Table, family: Family, group: PublishedPort[], id: number): void {
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
  const host = toBytes(parseAddress(hostIp)!);
  t.rule("ports", (w) => {
    x.ofProtocol(w, protocol);
    if (host.some((byte) => byte !== 0)) x.inSubnet(w, family, "daddr", host);
    x.redirect(w, family, toBytes(parseAddress(address)!), map, id);
  });
}
