import { assert, assertEquals } from "@std/assert";
import * as file from "../../ffi/file.ts";
import { replay } from "../../lib/layer/replay.ts";
import { createRecorder, type Replaced } from "../../lib/layer/skeleton.ts";
import { createUnpacker } from "../../lib/layer/unpack.ts";
import { tar } from "../world/images.ts";
import { gated, requires } from "../world/requires.ts";
import { makeTree, Scratch, shell } from "../world/tar_tools.ts";

const root = await requires("root");
let layers = 0;

/**
 * Unpacks an archive, chunk by chunk, as a layer below the scratch directory; returns what it takes to replay
 * it.
 */
async function record(scratch: Scratch, bytes: Uint8Array, chunk: number): Promise<[number, Replaced[]]> {
  const layer = scratch.fd(`layer${layers++}`);
  file.mkdirat(layer, "diff", 0o755);
  const diff = file.openat(layer, "diff", file.O_RDONLY | file.O_DIRECTORY);
  const recorder = await createRecorder(layer);
  const unpacker = createUnpacker(diff, recorder);
  const buffer = new Uint8Array(chunk);
  try {
    for (let at = 0; at < bytes.length; at += chunk) {
      const part = bytes.subarray(at, at + chunk);
      buffer.set(part);
      unpacker.push(buffer.subarray(0, part.length));
    }
    unpacker.end();
    const { archive, replaced } = recorder.end();
    assertEquals(archive, bytes.length);
    return [layer, replaced];
  } finally {
    unpacker.close();
    recorder.close();
    file.close(diff);
  }
}

/** Whether the archive comes out of the layer as it went in. */
async function assertExact(scratch: Scratch, bytes: Uint8Array, chunk = 100_000): Promise<void> {
  const [layer, replaced] = await record(scratch, bytes, chunk);
  const parts: Uint8Array[] = [];
  for (const part of await replay(layer, replaced)) parts.push(part.slice());
  file.close(layer);
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  assertEquals(whole.length, bytes.length);
  const different = whole.findIndex((byte, i) => byte !== bytes[i]);
  assertEquals(different, -1, `the first byte that differs is at ${different}`);
}

function unit(name: string, body: (scratch: Scratch) => Promise<void>, needs = root): void {
  Deno.test(gated(`skeleton: ${name}`, needs, async () => {
    using scratch = new Scratch();
    await body(scratch);
  }));
}

for (const format of ["gnu", "pax", "ustar", "v7", "oldgnu"]) {
  unit(`what GNU tar writes as ${format} comes out bit for bit`, async (scratch) => {
    const long = format === "gnu" || format === "pax";
    file.close(makeTree(scratch, long));
    const devices = format === "v7" ? "--exclude=null --exclude=disk --exclude=fifo" : "";
    const bytes = shell(`tar --format=${format} --numeric-owner ${devices} -C tree -cf - .`, scratch.path);
    for (const chunk of [511, 512, 4097, 1 << 20]) await assertExact(scratch, bytes, chunk);
    const xattrs = format === "pax" ? "setfattr -n user.x -v y tree/file; tar --xattrs" : "tar";
    await assertExact(
      scratch,
      shell(`${xattrs} --format=${format} -b 1 ${devices} -C tree -cf - .`, scratch.path),
    );
  }, format === "pax" ? await requires("root", "setfattr") : root);
}

for (
  const sparse of ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
) {
  unit(`sparse files, ${sparse}`, async (scratch) => {
    scratch.fd("sparse");
    const holes = "for i in $(seq 0 60); do printf part$i | dd of=sparse/many bs=1 seek=$((i * 65536)) " +
      "conv=notrunc status=none; done; truncate -s 5000000 sparse/many; truncate -s 3000000 sparse/empty; " +
      "echo x > sparse/plain; ln sparse/many sparse/link";
    const format = sparse.startsWith("--format") ? sparse : `--format=pax ${sparse}`;
    const bytes = shell(`${holes}; tar -S ${format} -C sparse -cf - .`, scratch.path);
    await assertExact(scratch, bytes);
    await assertExact(scratch, bytes, 700);
  });
}

unit("what follows the end, or is missing there", async (scratch) => {
  const bytes = tar([{ name: "a", data: "content" }, { name: "b" }]);
  const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const garbage = crypto.getRandomValues(new Uint8Array(3000));
  await assertExact(scratch, join(bytes, new Uint8Array(20 * 512)));
  await assertExact(scratch, join(bytes, garbage));
  await assertExact(scratch, join(bytes, new Uint8Array(3_000_000), garbage), 1000);
  await assertExact(scratch, tar([{ name: "a", data: "x".repeat(2000) }], false));
  await assertExact(scratch, tar([{ name: "a", data: "x".repeat(100) }], false).subarray(0, 612));
  await assertExact(scratch, new Uint8Array(1024));
  await assertExact(scratch, new Uint8Array(0));
  // Padding that is not zeros.
  const dirty = bytes.slice();
  dirty.fill(0x55, 512 + 7, 1024);
  await assertExact(scratch, dirty);
});

unit("entries that replace others: each content is kept", async (scratch) => {
  await assertExact(
    scratch,
    tar([
      { name: "same", data: "first" },
      { name: "hard", type: "1", link: "same" },
      { name: "same", data: "second, longer" },
      { name: "same", data: "" },
      { name: "same", data: "fourth" },
      { name: "dir/a/b", data: "in a directory" },
      { name: "dir/a/b", data: "replaced there" },
      { name: "dir/c", data: "stays" },
      { name: "dir/a", data: "now a file" },
      { name: "dir", type: "2", link: "other" },
      { name: "other/", type: "5" },
      { name: "dir/through", data: "through the symlink" },
      { name: "other/through", data: "not any more" },
      { name: "dir", type: "5" },
      { name: "dir/through", data: "a third one" },
      { name: "pipe", type: "6" },
      { name: "pipe", data: "a file now" },
      { name: "pipe", type: "6" },
    ]),
  );
});

unit("whiteouts and what is left out have their content in the skeleton", async (scratch) => {
  await assertExact(
    scratch,
    tar([
      { name: ".wh.gone", data: "a whiteout with content" },
      { name: ".wh..wh.plnk/x", data: "aufs's own" },
      { name: ".wh..wh.aufs", data: "aufs's own" },
      { name: "d/.wh..wh..opq", data: "opaque" },
      { name: "d/.wh.e" },
      { name: "d/e", data: "not gone" },
      { name: "gone", data: "back" },
      { name: "link", type: "2", link: "d" },
      { name: "link/f", data: "in d" },
    ]),
  );
});

unit("a file that was changed or is gone is said to be", async (scratch) => {
  const [layer] = await record(scratch, tar([{ name: "d/f", data: "0123456789" }]), 1000);
  const drain = async () => {
    try {
      for (const _ of await replay(layer, []));
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(await drain(), "");
  const path = `${scratch.path}/layer${layers - 1}/diff/d/f`;
  Deno.truncateSync(path, 4);
  assertEquals(await drain(), `"diff/d/f" is shorter than it was`);
  Deno.removeSync(path);
  assertEquals(await drain(), `"diff/d/f" is missing`);
  const skeleton = `${scratch.path}/layer${layers - 1}/skeleton`;
  const bytes = Deno.readFileSync(skeleton);
  assert(bytes.length < 300, "a skeleton is small");
  Deno.writeFileSync(skeleton, bytes.subarray(0, bytes.length - 5));
  assertEquals(await drain(), "its skeleton is damaged");
  file.close(layer);
});

unit("whatever is unpacked comes out: random entries whose names collide", async (scratch) => {
  let seed = 1;
  const random = (limit: number) => (seed = (seed * 48271) % 0x7fffffff) % limit;
  const names = ["a", "b", "a/b", "a/b/c", "b/c", "l", "l/b", "l/b/c", "a/l/b", "a/l", "./a//b"];
  const targets = ["a", "b", "a/b", "/b", "../a", "l"];
  let unpacked = 0;
  for (let round = 0; round < 300; round++) {
    const entries = Array.from({ length: 2 + random(8) }, (_, i) => {
      const type = "0000011225"[random(10)];
      const name = names[random(names.length)];
      if (type === "0") return { name, type, data: `${round}/${i} ${"x".repeat(random(3) * 300)}` };
      return { name, type, ...("12".includes(type) ? { link: targets[random(targets.length)] } : {}) };
    });
    const bytes = tar(entries);
    try {
      await assertExact(scratch, bytes);
      unpacked++;
    } catch (error) {
      const refused = (error as Error).name === "Failure" &&
        !/missing|shorter/.test((error as Error).message);
      if (!refused) {
        throw new Error(`${JSON.stringify(entries)}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  assert(unpacked > 40, `only ${unpacked} archives could be unpacked`);
});
