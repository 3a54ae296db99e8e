// Rules for iptables: chains of our own in its tables, and jumps to them. The jumps carry a comment by which
// they are told from others' rules. iptables-save shows what exists; what iptables-restore reads takes effect
// at once.

import { memfd } from "../../ffi/elf.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { NoFirewall, preference } from "./preference.ts";
import { type Family, familyOf, type NetworkRules, type PortRules } from "./rules.ts";

/**
 * The program's variants: the one the host prefers, and those that talk to a particular part of the kernel.
 */
export type Variant = "" | "-legacy";

/** Lines for each table, as iptables-restore reads them; "CHAIN" stands for the chain of our own. */
type Lines = Record<string, string[]>;

/** Adds the rules of a network, in place of those that exist. */
export function addNetworkRules(rules: NetworkRules): void {
  for (const { family, subnet } of rules.subnets) {
    replace("", family, rules.name, networkLines(rules, family, subnet));
  }
}

/** Adds the rules of a container's ports. */
export function addPortRules(rules: PortRules): void {
  for (const [family, ports] of Map.groupBy(rules.ports, ({ hostIp }) => familyOf(hostIp))) {
    replace("", family, rules.name, portLines({ ...rules, ports }, family));
  }
}

/** Removes the rules that were added under this name. */
export function lower(name: string): void {
  for (const family of ["ip", "ip6"] as const) {
    if (hasProgram("", family)) replace("", family, name, {});
  }
}

/**
 * Makes the chain FORWARD, whose policy may be to drop, accept the bridge's packets; not with `lines` empty.
 */
export function acceptForward(
  variant: Variant,
  family: Family,
  name: string,
  bridge: string,
  on: boolean,
): void {
  replace(variant, family, name, on ? { filter: accepting(bridge) } : {});
}

/**
 * The rules are inserted at the head, as docker's are: rules of others behind them no longer see these
 * packets. The chain DOCKER-USER comes before.
 */
function accepting(bridge: string): string[] {
  return [`-I FORWARD -i ${bridge} COMMENT -j ACCEPT`, `-I FORWARD -o ${bridge} COMMENT -j ACCEPT`];
}

/**
 * The same rules as in nft.ts. Unwanted packets are dropped in `mangle`, before `filter`: in `filter`,
 * accepting packets that leave one network would let them into another network.
 */
function networkLines({ bridge, internal, masquerade }: NetworkRules, family: Family, subnet: string): Lines {
  const forward = internal
    ? [`-A CHAIN -i ${bridge} -o ${bridge} -j RETURN`, `-A CHAIN -i ${bridge} -j DROP`]
    : [
      `-A CHAIN -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
      `-A CHAIN -i ${bridge} -o ${bridge} -j RETURN`,
      `-A CHAIN -o ${bridge} -m conntrack --ctstate DNAT -j RETURN`,
    ];
  const lines: Lines = {
    mangle: [...forward, `-A CHAIN -o ${bridge} -j DROP`, "-A FORWARD COMMENT -j CHAIN"],
    filter: accepting(bridge),
  };
  if (family === "ip") lines.raw = [`-A PREROUTING -i ${bridge} -d 127.0.0.0/8 COMMENT -j DROP`];
  if (internal) return lines;
  lines.nat = [
    ...(masquerade ? [`-A CHAIN -s ${subnet} ! -o ${bridge} -j MASQUERADE`] : []),
    ...(family === "ip" ? [`-A CHAIN -s 127.0.0.0/8 -o ${bridge} -j MASQUERADE`] : []),
    `-A CHAIN -s ${subnet} -o ${bridge} -m conntrack --ctstate DNAT -j MASQUERADE`,
    "-A POSTROUTING COMMENT -j CHAIN",
  ];
  return lines;
}

function portLines({ ports }: PortRules, family: Family): Lines {
  const redirections = ports.map(({ protocol, hostIp, hostPort, address, port }) => {
    const to = family === "ip6" ? `[${address}]:${port}` : `${address}:${port}`;
    const on = /^(0\.0\.0\.0|::)$/.test(hostIp) ? "" : ` -d ${hostIp}`;
    return `-A CHAIN${on} -p ${protocol} --dport ${hostPort} -j DNAT --to-destination ${to}`;
  });
  const loopback = family === "ip" ? " ! -d 127.0.0.0/8" : "";
  return {
    nat: [
      ...redirections,
      `-A PREROUTING${loopback} -m addrtype --dst-type LOCAL COMMENT -j CHAIN`,
      "-A OUTPUT -m addrtype --dst-type LOCAL COMMENT -j CHAIN",
    ],
  };
}

/** Replaces the rules under this name by `lines`, each table in one step. */
function replace(variant: Variant, family: Family, name: string, lines: Lines): void {
  const chain = name.replace("mydocker_", "MD-");
  const text = restoreText(ofOurs(variant, family, name, chain), name, chain, lines);
  if (text) runProgram(variant, family, "restore", ["--wait", "--noflush"], text);
}

/** The input for iptables-restore. */
function restoreText(old: Map<string, string[]>, name: string, chain: string, lines: Lines): string {
  const comment = `-m comment --comment ${name}`;
  return [...new Set([...old.keys(), ...Object.keys(lines)])].map((table) => {
    const now = (lines[table] ?? []).map((line) => line.replace("COMMENT", comment).replace("CHAIN", chain));
    const had = old.get(table) ?? [];
    const needed = now.some((line) => line.startsWith(`-A ${chain} `));
    const removal = had.filter((line) => !line.startsWith(":")).map((line) => line.replace(/^-A/, "-D"));
    // A line that names a chain creates it, or empties it.
    const named = needed || had.some((line) => line.startsWith(":")) ? [`:${chain} - [0:0]`] : [];
    const gone = named.length > 0 && !needed ? [`-X ${chain}`] : [];
    return [`*${table}`, ...named, ...removal, ...now, ...gone, "COMMIT", ""].join("\n");
  }).join("");
}

/** What iptables-save prints of our chain, and the rules with our comment outside of it, by table. */
function ofOurs(variant: Variant, family: Family, name: string, chain: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let table = "";
  for (const line of runProgram(variant, family, "save", [], "").split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const ours = line.startsWith(`:${chain} `) ||
      (line.startsWith("-A ") && !line.startsWith(`-A ${chain} `) && line.includes(`--comment "${name}"`)) ||
      (line.startsWith("-A ") && line.includes(`--comment ${name} `));
    if (ours) found.set(table, [...found.get(table) ?? [], line]);
  }
  return found;
}

function programOf(variant: Variant, family: Family, what: "save" | "restore"): string | undefined {
  const name = `${family === "ip6" ? "ip6tables" : "iptables"}${variant}-${what}`;
  const folders = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];
  return folders.map((folder) => `${folder}/${name}`).find(exists);
}

/** Whether the host has this variant. */
export function hasProgram(variant: Variant, family: Family): boolean {
  return programOf(variant, family, "restore") !== undefined;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs iptables-save or iptables-restore and returns its output. Throws Failure. */
function runProgram(
  variant: Variant,
  family: Family,
  what: "save" | "restore",
  args: string[],
  input: string,
): string {
  const path = programOf(variant, family, what);
  if (path === undefined) {
    const why = preference() === "iptables"
      ? "MYDOCKER_FIREWALL asks for iptables, which is not here (Debian package iptables)"
      : "this kernel has no nf_tables (modprobe nf_tables), and there is no iptables (Debian package iptables)";
    throw new NoFirewall(why);
  }
  // A time limit, so that an iptables that hangs does not block us for ever; --wait is for its own lock only.
  const fd = memfd("rules");
  try {
    file.pwrite(fd, new TextEncoder().encode(input), 0);
    const { code, stdout, stderr } = new Deno.Command("/bin/sh", {
      args: ["-c", 'input=$1; shift; exec "$@" <"$input"', "sh", `/proc/${Deno.pid}/fd/${fd}`, path, ...args],
      stdout: "piped",
      stderr: "piped",
    }).outputSync();
    const decoder = new TextDecoder();
    if (code === 0) return decoder.decode(stdout);
    throw new Failure(`${path} failed: ${decoder.decode(stderr).trim().replaceAll("\n", "; ")}`);
  } finally {
    file.close(fd);
  }
}
