// A log's follower, on a directory that looks like a container's.

import { assertEquals } from "@std/assert";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { followLog } from "../../lib/log/follow.ts";
import { logEnd } from "../../lib/log/frames.ts";
import type { Container } from "../../lib/model/container.ts";

function frame(text: string): Uint8Array {
  const data = new TextEncoder().encode(text);
  const bytes = new Uint8Array(32 + data.length);
  new BigInt64Array(bytes.buffer, 0, 4).set([1767225600, 5, 1, data.length].map(BigInt));
  bytes.set(data, 32);
  return bytes;
}

const append = (path: string, bytes: Uint8Array) => Deno.writeFileSync(path, bytes, { append: true });

Deno.test("followLog: from the end on, over renamed files and half a frame, until the lock is free", async () => {
  const path = Deno.makeTempDirSync();
  const dir = file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  const container = { id: "", dir, config: { log: { maxFiles: 3 } } } as unknown as Container;
  const log = `${path}/log`;
  append(log, frame("before"));
  const lock = file.openat(dir, "lock", file.O_RDWR | file.O_CREAT, 0o600);
  tryLock(lock, "exclusive");

  const frames = followLog(container, logEnd(container));
  const next = async () => {
    const { value } = await frames.next();
    return value && new TextDecoder().decode(value.data);
  };
  const first = next();
  append(log, frame("one").subarray(0, 33));
  append(log, frame("one").subarray(33));
  assertEquals(await first, "one");
  append(log, frame("two"));
  Deno.renameSync(log, `${path}/log.1`);
  append(log, frame("three"));
  Deno.renameSync(`${path}/log.1`, `${path}/log.2`);
  Deno.renameSync(log, `${path}/log.1`);
  append(log, frame("four"));
  assertEquals([await next(), await next(), await next()], ["two", "three", "four"]);
  const last = next();
  append(log, frame("five"));
  file.close(lock);
  assertEquals([await last, await next()], ["five", undefined]);
  file.close(dir);
  Deno.removeSync(path, { recursive: true });
});
