// Names as bytes and as strings: ffi/bytes.ts.

import { assertEquals } from "@std/assert";
import { decodeName, encodeName, encodeNameInto } from "../../ffi/bytes.ts";

/** Numbers that look random and are the same each time (xorshift). */
function* numbers(state: number): Generator<number> {
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

/** Where sequences of UTF-8 begin, go on and break, so that most of what is made of these nearly is one. */
const EDGES = [
  0x61,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc0,
  0xc2,
  0xdf,
  0xe0,
  0xe2,
  0xed,
  0xef,
  0xf0,
  0xf4,
  0xf5,
  0xff,
];

Deno.test("bytes: any bytes survive becoming a string, and what is UTF-8 is the string that it spells", () => {
  const random = numbers(20261201);
  const next = (limit: number) => random.next().value! % limit;
  for (let round = 0; round < 50_000; round++) {
    const bytes = Uint8Array.from(
      { length: next(9) },
      () => round % 2 ? next(256) : EDGES[next(EDGES.length)],
    );
    const name = decodeName(bytes);
    assertEquals(encodeName(name), bytes, String(bytes));
    const target = new Uint8Array(bytes.length + 4).fill(7);
    assertEquals(encodeNameInto(name, target, 1), bytes.length + 2);
    assertEquals(target, Uint8Array.of(7, ...bytes, 0, 7, 7), String(bytes));
    // The platform's decoder, which says nothing of where, decides what is whole.
    const loose = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    assertEquals(name.isWellFormed(), !loose.includes("\ufffd"), String(bytes));
    if (name.isWellFormed()) assertEquals(name, loose);
  }
});

Deno.test("bytes: strings that stand for no bytes become U+FFFD", () => {
  for (const name of ["\ud800", "\udc00", "\udc2f", "\udc7f", "\udd00", "a\ud83d"]) {
    assertEquals(new TextDecoder().decode(encodeName(name)), name.toWellFormed());
  }
  assertEquals(encodeName("\ud83d\ude00\udcff"), Uint8Array.of(0xf0, 0x9f, 0x98, 0x80, 0xff));
});
