// Our rules in the chain FORWARD of the iptables that uses nf_tables. They are written as iptables writes
// them, but without starting it, which would make a start 30 ms longer on every host with docker or ufw. A
// comment marks them as ours.

import { converse } from "../../ffi/netfilter.ts";
import { attributesOf, comment, type Messages, newMessages, NLM_F } from "./nft_bytes.ts";
import { by, verdict } from "./nft_expressions.ts";
import { send, withSocket } from "./nftables.ts";
import type { Family } from "./rules.ts";

const [TABLE, CHAIN, HANDLE, EXPRESSIONS, USERDATA] = [1, 2, 3, 4, 7];
/** Message type of a rule in the answer to a dump. */
const NEW_RULE = 10 << 8 | 6;

/** Accepts packets from the bridge and to it at the chain's head. `name` is that of the network's rules. */
export function acceptInForward(family: Family, name: string, bridge: string): void {
  withSocket((socket) => {
    const old = ours(socket, family, name);
    send(socket, (messages) => {
      for (const handle of old) remove(messages, family, handle);
      for (const key of ["oifname", "iifname"] as const) {
        messages.message(family, "newRule", NLM_F.create | NLM_F.ack, () => {
          where(messages);
          messages.nested(EXPRESSIONS, () => {
            by(messages, key, bridge);
            verdict(messages, "accept");
          });
          messages.bytes(USERDATA, comment(name));
        });
      }
    });
  });
}

/** Removes these rules. */
export function forgetInForward(family: Family, name: string): void {
  withSocket((socket) => {
    const old = ours(socket, family, name);
    if (old.length > 0) {
      send(socket, (messages) => old.forEach((handle) => remove(messages, family, handle)));
    }
  });
}

function where(messages: Messages): void {
  messages.text(TABLE, "filter");
  messages.text(CHAIN, "FORWARD");
}

function remove(messages: Messages, family: Family, handle: Uint8Array): void {
  messages.message(family, "deleteRule", NLM_F.ack, () => {
    where(messages);
    messages.bytes(HANDLE, handle);
  });
}

/** Handles of the rules with our comment. */
function ours(socket: number, family: Family, name: string): Uint8Array[] {
  const messages = newMessages();
  messages.message(family, "getRule", NLM_F.dump, () => where(messages));
  const wanted = comment(name).join();
  return converse(socket, messages.finish()).filter(({ type }) => type === NEW_RULE)
    .map(({ payload }) => attributesOf(payload))
    .filter((attributes) => attributes.get(USERDATA)?.join() === wanted)
    .map((attributes) => attributes.get(HANDLE)!);
}
