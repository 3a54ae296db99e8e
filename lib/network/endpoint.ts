// containers/ID/endpoints.json: what a container got of its networks when it was started last. It has that while it runs.

import * as file from "../../ffi/file.ts";
import { toHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { hexId, listOf, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import { parseAddress, toBytes } from "../base/address.ts";

export interface Endpoint {
  /** 64 hex digits, others with every start. */
  id: string;
  /** The network's name and ID. */
  network: string;
  networkId: string;
  /** "eth0" */
  interface: string;
  /** One for each of the network's pools, without a prefix's length; those lengths; and the gateways. */
  addresses: string[];
  prefixes: number[];
  gateways: string[];
  mac: string;
  /** The keeper's descriptor of the network's lock file `users`; none where it was connected while it ran. */
  users?: number;
}

export const isEndpoint = shapeOf<Endpoint>({
  id: hexId,
  network: text,
  networkId: hexId,
  interface: text,
  addresses: listOf(text),
  prefixes: listOf(whole),
  gateways: listOf(text),
  mac: text,
  users: optional(whole),
});

/** Of the container whose directory is `dir`; empty where it was never started, or is in no network. */
export function readEndpoints(dir: number): Endpoint[] {
  return readRecord<Endpoint[]>(dir, "endpoints.json", listOf(isEndpoint)) ?? [];
}

/** Readers see the old ones or the new; a machine that goes down forgets both. */
export function writeEndpoints(dir: number, endpoints: Endpoint[]): void {
  writeFile(dir, "endpoints.json.new", JSON.stringify(endpoints));
  file.renameat2(dir, "endpoints.json.new", dir, "endpoints.json");
}

/**
 * The host's end: 15 bytes at most (IFNAMSIZ). No two interfaces have one address in a network, as none has the other's
 * name: who comes to have an address takes away what is left of its former owner's.
 */
export function vethName({ networkId, addresses }: Pick<Endpoint, "networkId" | "addresses">): string {
  return `veth${networkId.slice(0, 3)}${toHex(toBytes(parseAddress(addresses[0])!)).slice(-8)}`;
}
