// gzip and zstd: what is one archive and what is none, however the bytes arrive.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Failure } from "../../lib/base/error.ts";
import { decompressed } from "../../lib/layer/decompress.ts";
import { bare, type Requirements, requires } from "../world/world.ts";
import { chunked, Scratch, shell } from "../world/tar_tools.ts";

const EXPECTED = new TextDecoder().decode(shell("seq 3000", "/"));
/** Bytes that arrive at once: all, and few enough for every boundary to be one between two chunks. */
const PIECES = [1 << 20, 7, 1];

async function collect(bytes: Uint8Array, piece: number): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of decompressed(chunked(bytes, piece))) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/**
 * Tests what the archives are that the scripts write: `times` the numbers, or an error. "a" is one,
 * compressed.
 */
function archives(pack: string, wanted: Record<string, number | RegExp>, needs: Requirements = {}): void {
  for (const [script, outcome] of Object.entries(wanted)) {
    bare(`${pack}: ${script}`, async () => {
      using scratch = new Scratch();
      const bytes = shell(`seq 3000 | ${pack} -c >a; ${script}`, scratch.path);
      for (const piece of PIECES) {
        if (typeof outcome === "number") {
          assertEquals(await collect(bytes, piece), EXPECTED.repeat(outcome));
        } else {
          const { message } = await assertRejects(() => collect(bytes, piece), Failure);
          assertMatch(message, outcome);
        }
      }
    }, needs);
  }
}

archives("gzip", {
  "cat a": 1,
  "cat a a": 2,
  ": | gzip -c; cat a; : | gzip -c": 1,
  "cat a; head -c 1000 /dev/zero": 1,
  "cat a; head -c 1000 /dev/zero; cat a": 1,
  "cat a; echo garbage": /^damaged gzip data: incorrect header check$/,
  "head -c 3000 a": /^unexpected end of archive \(gzip\)$/,
  "head -c -3 a": /^unexpected end of archive \(gzip\)$/,
  "cat a; head -c 5 a": /^unexpected end of archive \(gzip\)$/,
  "head -c -8 a; printf ABCD; tail -c 4 a": /^damaged gzip data: incorrect data check$/,
});

archives("zstd -q", {
  "cat a": 1,
  "cat a a": 2,
  ": | zstd -c; cat a; : | zstd -c": 1,
  "zstd -dqc a | zstd -qc --no-check": 1,
  [`printf '\\120\\052\\115\\030\\004\\0\\0\\0abcd'; cat a a`]: 2,
  "head -c 1500 a": /^unexpected end of archive \(zstd\)$/,
  "head -c -2 a": /^unexpected end of archive \(zstd\)$/,
  "cat a; head -c 3 a": /^unexpected end of archive \(zstd\)$/,
  "cat a; echo garbage": /^damaged zstd data: /,
  "head -c -4 a; printf ABCD": /^damaged zstd data: .*checksum/,
}, await requires("zstd"));
