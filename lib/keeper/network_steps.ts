// Sets up a container's end of its networks in its first process. By a socket that mydocker opened in the
// host's network namespace, it makes veth pairs whose other ends are its own; these it configures by a socket
// of its own.

import * as file from "../../ffi/file.ts";
import type { Cell, Label, Program, Value } from "../../ffi/program.ts";

/** A netlink message (ffi/netlink.ts) and its purpose, for errors. */
export interface Request {
  bytes: Uint8Array;
  what: string;
}

/** One interface of the container. */
export interface InterfacePlan {
  /** "eth0" */
  name: string;
  /** Makes the pair; its last 32 bits become the PID of the process whose namespace gets the peer. */
  create: Request;
  /** A further setting for the host's end. */
  host?: Request;
  /** Brings the interface up, because a veth's peer can't be created up. */
  up: Request;
  /** RTM_NEWADDR messages, whose header gets the interface's index. */
  addresses: Request[];
}

export interface NetworkPlan {
  /** A netlink socket in the host's network namespace. */
  socket: number;
  interfaces: InterfacePlan[];
  /** Sent unchanged, at the end. */
  routes: Request[];
  /** Interfaces get IPv6 addresses, including link-local ones. */
  ipv6: boolean;
}

/** Offset of the index in a message with struct ifaddrmsg. */
const ADDRESS_INDEX = 20;

/** Makes and configures the interfaces. /proc is mounted and writable. */
export function setUpNetwork(p: Program, plan: NetworkPlan): void {
  allowIpv6(p, plan.ipv6);
  const pid = p.cell();
  p.call("getpid", [], { store: pid });
  for (const { create, host } of plan.interfaces) {
    const padded = new Uint8Array(create.bytes.length + 4);
    padded.set(create.bytes);
    const address = p.bytes(padded);
    p.set({ address: address + create.bytes.length - 4 }, pid);
    send(p, plan.socket, address, create);
    if (host) send(p, plan.socket, p.bytes(host.bytes), host);
  }
  const own = p.cell();
  const [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE] = [16, 3, 0];
  p.call("socket", [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE], { store: own, what: "NETLINK_ROUTE" });
  for (const { name, up, addresses } of plan.interfaces) {
    send(p, own, p.bytes(up.bytes), up);
    const index = interfaceIndex(p, own, name);
    for (const request of addresses) {
      const address = p.bytes(request.bytes);
      // The index takes half of what is stored; the other half is set again.
      const next = new DataView(request.bytes.buffer, request.bytes.byteOffset).getUint32(
        ADDRESS_INDEX + 4,
        true,
      );
      p.subtract(index, -next * 2 ** 32, { store: { address: address + ADDRESS_INDEX } });
      send(p, own, address, request);
    }
  }
  for (const request of plan.routes) send(p, own, p.bytes(request.bytes), request);
  p.call("close", [own]);
}

/**
 * Lets all users use all ports and ping, in a new namespace, as docker does. /proc is mounted and writable. A
 * kernel without IPv4 lacks these files.
 */
export function freePorts(p: Program): void {
  for (const [name, value] of [["ip_unprivileged_port_start", "0"], ["ping_group_range", "0 2147483647"]]) {
    const [next, fd] = [p.label(), p.cell()];
    const path = p.string(`/proc/sys/net/ipv4/${name}`);
    p.call("openat", [file.AT_FDCWD, path, file.O_WRONLY | file.O_CLOEXEC, 0], { store: fd, negative: next });
    p.call("write", [fd, p.string(value), value.length], { what: `net.ipv4.${name}` });
    p.call("close", [fd]);
    p.place(next);
  }
}

/** For interfaces that are made later. A kernel without IPv6 lacks the file. */
function allowIpv6(p: Program, allow: boolean): void {
  const [next, fd] = [p.label(), p.cell()];
  const path = p.string("/proc/sys/net/ipv6/conf/default/disable_ipv6");
  p.call("openat", [file.AT_FDCWD, path, file.O_WRONLY, 0], { store: fd, negative: next });
  p.call("write", [fd, p.string(allow ? "0" : "1"), 1], { what: "net.ipv6.conf.default.disable_ipv6" });
  p.call("close", [fd]);
  p.place(next);
}

/** struct ifreq: a name in 16 bytes, then the index. Netdevice ioctls work on any socket. */
function interfaceIndex(p: Program, socket: Cell, name: string): Cell {
  const SIOCGIFINDEX = 0x8933;
  const ifreq = new Uint8Array(40);
  ifreq.set(new TextEncoder().encode(name));
  const address = p.bytes(ifreq);
  p.call("ioctl", [socket, SIOCGIFINDEX, address], { what: name });
  return { address: address + 16 };
}

const REPLY_SIZE = 64;

/** Sends the message at `address`, and fails with the errno of the kernel's answer, if any. */
function send(p: Program, socket: Value, address: number, { bytes, what }: Request): void {
  const reply = p.bytes(new Uint8Array(REPLY_SIZE));
  const [error, done] = [p.cell(), p.label()];
  p.call("sendto", [socket, address, bytes.length, 0, 0, 0], { what });
  p.call("recvfrom", [socket, reply, REPLY_SIZE, 0, 0, 0], { what });
  // struct nlmsgerr follows the answer's header: 32 bits of negated errno, then the request's header, which
  // begins with its length.
  p.subtract({ address: reply + 16 }, bytes.length * 2 ** 32, { store: error, zero: done });
  p.subtract(error, 2 ** 32, { store: error });
  p.fail("recvfrom", error, what);
  p.place(done);
}

/** A file in the container's directory: it was connected to a network while it ran. */
export const CONNECTED = "connected";

/** A file in the container's directory: another container is, or was, in its network namespace. */
export const JOINED = "joined";

/** What the keeper does about the container's networks after it has ended, or could not be started. */
export interface LeavePlan {
  /** The networks' lock files, whose shared locks it holds. */
  users: number[];
  /** Claims of addresses, relative to the container's directory `dir`. */
  claims: string[];
  /** Deletes the interfaces, in case others use its namespace, which then stays. */
  links: Request[];
  dir: number;
  ports?: PortsPlan;
}

/** Published ports, which become free at the container's end. */
export interface PortsPlan {
  /** Sockets that hold the ports. */
  sockets: number[];
  /** The socket that owns the firewall's rules, and the messages that delete them. */
  held?: { socket: number; removal: Uint8Array[] };
}

/** Descriptors that the keeper holds until the container's end. */
export function heldDescriptors({ users, ports }: Pick<LeavePlan, "users" | "ports">): number[] {
  return [...users, ...ports?.sockets ?? [], ...ports?.held ? [ports.held.socket] : []];
}

/**
 * Releases addresses and ports. The container's lock is still held, so nobody takes the addresses before that
 * is released.
 */
export function releaseClaims(p: Program, { claims, links, dir, ports }: LeavePlan): void {
  if (ports) closeSockets(p, ports.sockets);
  takeInterfaces(p, dir, links);
  for (const claim of claims) {
    const next = p.label();
    p.call("unlinkat", [dir, p.string(claim), 0], { negative: next });
    p.place(next);
  }
}

/**
 * Deletes the interfaces in a namespace that others use. Otherwise they disappear with the namespace, which
 * takes the kernel some milliseconds that nobody waits for.
 */
function takeInterfaces(p: Program, dir: number, links: Request[]): void {
  const [socket, alone] = [p.cell(), p.label()];
  p.call("faccessat", [dir, p.string(JOINED), 0], { negative: alone });
  const [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE] = [16, 3, 0];
  p.call("socket", [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE], { store: socket, negative: alone });
  for (const { bytes } of links) {
    const next = p.label();
    // The deletion is complete when this returns; the kernel's answer is not needed.
    p.call("sendto", [socket, p.bytes(bytes), bytes.length, 0, 0, 0], { negative: next });
    p.place(next);
  }
  p.call("close", [socket], { negative: alone });
  p.place(alone);
}

/**
 * Sets `connected` if the container was connected to networks after its start, which the keeper does not know
 * otherwise.
 */
export function lookForConnected(p: Program, dir: number, connected: Cell): void {
  const none = p.label();
  const marker = p.cell();
  p.call("openat", [dir, p.string(CONNECTED), file.O_PATH | file.O_CLOEXEC, 0], {
    store: marker,
    negative: none,
  });
  p.set(connected, 1);
  p.place(none);
}

/** Takes the rules of ports away, before anything else: whoever has the port next shall not find them. */
export function withdrawRules(p: Program, { held }: PortsPlan): void {
  for (const bytes of held?.removal ?? []) {
    const next = p.label();
    p.call("write", [held!.socket, p.bytes(bytes), bytes.length], { negative: next });
    p.place(next);
  }
}

/** The firewall's socket takes 10 ms to close: later. */
function closeSockets(p: Program, sockets: number[]): void {
  for (const socket of sockets) {
    const next = p.label();
    p.call("close", [socket], { negative: next });
    p.place(next);
  }
}

const [F_OFD_SETLK, F_RDLCK, F_WRLCK, F_UNLCK] = [37, 0, 1, 2];
/** struct flock of the whole file. */
const flock = (p: Program, type: number) => p.words([type, 0, 0, 0]);

/** Goes to `sole` where nobody else is on any of these networks, who would have to hear of the end. */
export function ifSole(p: Program, users: number[], sole: Label): void {
  const others = p.label();
  for (const fd of users) {
    p.call("fcntl", [fd, F_OFD_SETLK, flock(p, F_WRLCK)], { negative: others });
    p.call("fcntl", [fd, F_OFD_SETLK, flock(p, F_RDLCK)], { negative: others });
  }
  p.goto(sole);
  p.place(others);
}

/** How long a bridge stays after its last user: whoever comes next finds it there. */
const LINGER_NS = 300e6;

/**
 * Waits for a while, gives the locks of the networks back, and goes on at the next step if that was the last
 * user of one of them: its bridge is to be taken down. Or if `last` is not 0 before. Otherwise goes to the
 * end given by `others`.
 */
export function leaveNetworks(
  p: Program,
  { users }: Pick<LeavePlan, "users">,
  last: Cell,
  others: Label,
): void {
  const waited = p.label();
  p.call("ppoll", [0, 0, p.words([0, LINGER_NS]), 0, 8], { negative: waited });
  p.place(waited);
  for (const fd of users) {
    const [unlocked, next] = [p.label(), p.label()];
    // Whoever tries after the last of all has given its lock back is not refused: one of those who leave at
    // the same time is sure to see that nobody is left.
    p.call("fcntl", [fd, F_OFD_SETLK, flock(p, F_UNLCK)], { negative: unlocked });
    p.place(unlocked);
    p.call("fcntl", [fd, F_OFD_SETLK, flock(p, F_WRLCK)], { negative: next });
    // By word: mydocker may not have closed its own descriptors yet.
    p.call("fcntl", [fd, F_OFD_SETLK, flock(p, F_UNLCK)], { negative: next });
    p.set(last, 1);
    p.place(next);
  }
  p.subtract(last, 0, { zero: others });
  p.call("close_range", [3, 0xffffffff, 0], { negative: others });
}
