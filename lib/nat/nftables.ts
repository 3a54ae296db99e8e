// Sends messages to nf_tables. That needs no program, only a kernel that has it.

import { EEXIST, NLMSG_ERROR } from "../../ffi/constants.ts";
import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { converse, openNetfilter } from "../../ffi/netfilter.ts";
import { pause } from "../../ffi/process.ts";
import { addNetworkTables, addPortTables, deleteTables } from "./nft.ts";
import { attributesOf, commentText, type Messages, newMessages, NLM_F, transaction } from "./nft_bytes.ts";
import { type Family, familyOf, type NetworkRules, type PortRules } from "./rules.ts";

/** Creates a network's tables. Replaces existing ones, whether left by a killed command or the same. */
export function addNetworkRules(rules: NetworkRules): void {
  withSocket((socket) => {
    const families = rules.subnets.map(({ family }) => family);
    try {
      send(socket, (messages) => addNetworkTables(messages, rules));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      const old = families.filter((family) => hasTable(socket, rules.name, family));
      send(socket, (messages) => {
        deleteTables(messages, rules.name, old);
        addNetworkTables(messages, rules);
      });
    }
  });
}

/** Deletes a network's tables, where they exist. */
export function removeNetworkRules({ name, subnets }: Pick<NetworkRules, "name" | "subnets">): void {
  withSocket((socket) => subnets.forEach(({ family }) => remove(socket, name, family)));
}

/** The socket that owns a container's tables, and how to delete them. */
export interface Held {
  /** The netlink socket they belong to. */
  socket: number;
  /** Messages to send by the socket, one after the other, that delete the tables. */
  removal: Uint8Array[];
}

/** How long the table of a killed keeper may still exist, and how often to look, in ms. */
const [PATIENCE, PAUSE] = [1000, 5];

/** Creates the tables of a container's ports. They exist until the socket is closed by all who have it. */
export async function addPortRules(rules: PortRules): Promise<Held> {
  const socket = openNetfilter();
  try {
    for (let waited = 0; !addPorts(socket, rules); waited += PAUSE) {
      if (waited > PATIENCE) throw new KernelError("nf_tables", rules.name, EEXIST);
      for (const family of familiesOf(rules)) attemptRemove(socket, rules.name, family);
      await pause(PAUSE);
    }
  } catch (error) {
    file.close(socket);
    throw error;
  }
  const removal = familiesOf(rules).map((family) =>
    transaction((messages) => deleteTables(messages, rules.name, [family]))
  );
  return { socket, removal };
}

/** Deletes a container's tables, by the socket they belong to. */
export function removePortRules(socket: number, rules: PortRules): void {
  for (const family of familiesOf(rules)) remove(socket, rules.name, family);
}

/** Creates those of the tables that are missing, by the socket they belong to. */
export function restorePortRules(socket: number, { name, ports }: PortRules): void {
  for (const family of familiesOf({ name, ports })) {
    if (hasTable(socket, name, family)) continue;
    addPorts(socket, { name, ports: ports.filter(({ hostIp }) => familyOf(hostIp) === family) });
  }
}

/** False where tables of that name exist, which may belong to somebody else. */
function addPorts(socket: number, rules: PortRules): boolean {
  for (const owned of [true, false]) {
    try {
      send(socket, (messages) => addPortTables(messages, rules, owned));
      return true;
    } catch (error) {
      // Before Linux 5.12 tables have no owners.
      if (owned && isErrno(error, "EINVAL", "ENOTSUP")) continue;
      if (isErrno(error, "EEXIST", "EPERM")) return false;
      throw error;
    }
  }
  return false;
}

function familiesOf({ ports }: PortRules): Family[] {
  return [...new Set(ports.map(({ hostIp }) => familyOf(hostIp)))];
}

/** Removes a table. One that belongs to a socket which is just being closed disappears by itself. */
function attemptRemove(socket: number, name: string, family: Family): void {
  try {
    remove(socket, name, family);
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
  }
}

/** Whether a network's or container's table exists. */
function hasTable(socket: number, name: string, family: Family): boolean {
  return asks(socket, family, "getTable", (messages) => messages.text(1, name));
}

const [NEW_TABLE, GET_TABLE, TABLE_USERDATA] = [10 << 8, 10 << 8 | 1, 6];
const EVERY_FAMILY = 0;

/** The user data of all tables in this network namespace; empty where the kernel has no nf_tables. */
export function listTables(): string[] {
  try {
    return withSocket((socket) => {
      const messages = newMessages();
      messages.header(GET_TABLE, NLM_F.dump, EVERY_FAMILY, 0);
      return converse(socket, messages.finish());
    }).filter(({ type }) => type === NEW_TABLE)
      .map(({ payload }) => commentText(attributesOf(payload).get(TABLE_USERDATA))).filter(Boolean);
  } catch (error) {
    if (error instanceof KernelError) return [];
    throw error;
  }
}

/** Whether there is a chain FORWARD of iptables in its variant that uses nf_tables. */
export function hasForward(family: Family): boolean {
  return withSocket((socket) =>
    asks(socket, family, "getChain", (messages) => {
      messages.text(1, "filter");
      messages.text(3, "FORWARD");
    })
  );
}

function asks(
  socket: number,
  family: Family,
  kind: "getTable" | "getChain",
  attributes: (messages: Messages) => void,
): boolean {
  const messages = newMessages();
  messages.message(family, kind, 0, () => attributes(messages));
  return converse(socket, messages.finish()).some(({ type }) => type !== NLMSG_ERROR);
}

function remove(socket: number, name: string, family: Family): void {
  try {
    send(socket, (messages) => deleteTables(messages, name, [family]));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** Does `work` with a netfilter socket of its own. */
export function withSocket<T>(work: (socket: number) => T): T {
  const socket = openNetfilter();
  try {
    return work(socket);
  } finally {
    file.close(socket);
  }
}

/** A transaction. Throws the KernelError of the first message that failed. */
export function send(socket: number, content: (messages: Messages) => void): void {
  const answers = converse(socket, transaction(content)).filter(({ type }) => type === NLMSG_ERROR);
  for (const { payload } of answers) {
    const code = -new DataView(payload.buffer, payload.byteOffset).getInt32(0, true);
    if (code !== 0) throw new KernelError("nf_tables", "", code);
  }
}
