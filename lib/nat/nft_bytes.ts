// nf_tables messages as bytes (include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h). Numbers in attributes
// are big-endian. A register holds bytes as they are in the packet or, for the kernel's own values, in the
// machine's order. Everything is written into one buffer, because a start waits for it.

import { decodeName, encodeName } from "../../ffi/bytes.ts";
import type { Family } from "./rules.ts";

/** Families of tables, chains and rules. */
export const FAMILY: Record<Family, number> = { ip: 2, ip6: 10 };

const MESSAGE = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  newElements: 12,
} as const;

export const NLM_F = {
  request: 1,
  ack: 4,
  echo: 8,
  dump: 0x300,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

const SUBSYSTEM = 10;
const [BATCH_BEGIN, BATCH_END] = [16, 17];
const NESTED = 0x8000;

/** Writes attributes, one after the other. */
export interface Attributes {
  /** A 32-bit number. */
  number(type: number, value: number): void;
  /** A 32-bit number in the machine's order. */
  native(type: number, value: number): void;
  text(type: number, value: string): void;
  /** Bytes, padded with zeros up to `size`. */
  bytes(type: number, value: ArrayLike<number>, size?: number): void;
  nested(type: number, content: () => void): void;
}

export interface Messages extends Attributes {
  /** A message about a table of the family; `content` writes its attributes. */
  message(family: Family, kind: keyof typeof MESSAGE, flags: number, content: () => void): void;
  /** The headers of a message, without attributes yet; returns where the message begins. */
  header(type: number, flags: number, family: number, resource: number): number;
  /** Everything written so far. */
  finish(): Uint8Array<ArrayBuffer>;
}

/** A buffer for messages. */
export function newMessages(): Messages {
  let buffer = new Uint8Array(1 << 13);
  let view = new DataView(buffer.buffer);
  let end = 0;
  /** Reserves room, and returns where it begins. */
  const take = (size: number) => {
    const start = end;
    end += (size + 3) & ~3;
    if (end > buffer.length) {
      const larger = new Uint8Array(2 * Math.max(end, buffer.length));
      larger.set(buffer);
      buffer = larger;
      view = new DataView(buffer.buffer);
    }
    return start;
  };
  /** struct nlattr; returns where its content begins. */
  const attribute = (type: number, size: number) => {
    const start = take(4 + size);
    view.setUint16(start, 4 + size, true);
    view.setUint16(start + 2, type, true);
    return start + 4;
  };
  /** struct nlmsghdr and struct nfgenmsg; returns where it begins. */
  const header = (type: number, flags: number, family: number, resource: number) => {
    const start = take(20);
    view.setUint32(start, 20, true);
    view.setUint16(start + 4, type, true);
    view.setUint16(start + 6, flags | NLM_F.request, true);
    buffer[start + 16] = family;
    view.setUint16(start + 18, resource);
    return start;
  };
  return {
    number: (type, value) => view.setInt32(attribute(type, 4), value),
    native: (type, value) => view.setInt32(attribute(type, 4), value, true),
    text(type, value) {
      const start = attribute(type, value.length + 1);
      for (let at = 0; at < value.length; at++) buffer[start + at] = value.charCodeAt(at);
    },
    bytes(type, value, size = value.length) {
      const start = attribute(type, size);
      buffer.set(value, start);
    },
    nested(type, content) {
      const start = attribute(type | NESTED, 0);
      content();
      view.setUint16(start - 4, end - start + 4, true);
    },
    message(family, kind, flags, content) {
      const start = header(SUBSYSTEM << 8 | MESSAGE[kind], flags, FAMILY[family], 0);
      content();
      view.setUint32(start, end - start, true);
    },
    header,
    finish: () => buffer.slice(0, end),
  };
}

/**
 * The messages that `content` writes as one transaction: all of them take effect, or none. The kernel answers
 * once for each that fails, and where none does for those that ask for it with NLM_F.ack.
 */
export function transaction(content: (messages: Messages) => void): Uint8Array<ArrayBuffer> {
  const messages = newMessages();
  messages.header(BATCH_BEGIN, 0, 0, SUBSYSTEM);
  content(messages);
  messages.header(BATCH_END, 0, 0, SUBSYSTEM);
  return messages.finish();
}

/**
 * The user data that is a comment, as libnftnl has it: type 0 is a comment, then its length, and a text that
 * ends with NUL.
 */
export function comment(name: string): Uint8Array {
  const text = encodeName(`${name}\0`);
  return Uint8Array.of(0, text.length, ...text);
}

/** The text of such a comment; "" where it is something else. */
export function commentText(userData?: Uint8Array): string {
  return userData?.[0] === 0 ? decodeName(userData.subarray(2)).replace(/\0.*/s, "") : "";
}

/** struct nfgenmsg, before a message's attributes. */
const HEADER = 4;

/** The attributes of a message, or from `start` on those of an attribute, by type. */
export function attributesOf(payload: Uint8Array, start = HEADER): Map<number, Uint8Array> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const found = new Map<number, Uint8Array>();
  for (let at = start; at + 4 <= payload.length;) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    found.set(view.getUint16(at + 2, true) & 0x3fff, payload.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}
