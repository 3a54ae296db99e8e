// The tar reader and writer, unpacking and packing: against GNU tar, in both directions. Needs root, for
// owners, devices and trusted attributes.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";
import { getXattr, setXattr } from "../../ffi/xattr.ts";
import { Failure } from "../../lib/base/error.ts";
import { decompressed } from "../../lib/layer/decompress.ts";
import { unpack } from "../../lib/layer/unpack.ts";
import { archive, chunked, makeTree, manifest, packed, Scratch, shell } from "../world/tar_tools.ts";

for (const format of ["v7", "ustar", "oldgnu", "gnu", "posix"]) {
  Deno.test(`unpack makes what GNU tar packed (${format})`, async () => {
    using scratch = new Scratch();
    const extended = format === "gnu" || format === "posix" || format === "oldgnu";
    const tree = makeTree(scratch, extended);
    if (format === "v7") shell("rm -f tree/fifo tree/null tree/disk", scratch.path);
    if (format !== "posix") shell("find tree -exec touch -hd @1234567890 {} +", scratch.path);
    const tar = shell(`tar -C tree --format=${format} --numeric-owner -cf - .`, scratch.path);
    const size = await unpack(chunked(tar), scratch.fd("out"));
    assertEquals(await manifest(scratch.fd("out")), await manifest(tree));
    assert(size > 1500000);
  });
}

Deno.test("unpack keeps attributes and capabilities, but none of overlayfs's", async () => {
  using scratch = new Scratch();
  const tree = scratch.fd("tree");
  shell("cd tree; echo x > file; mkdir dir; ln -s x link", scratch.path);
  setXattr(tree, "file", "user.name", "value=%=");
  setXattr(tree, "file", "user.binary", new Uint8Array([0, 255, 10, 0]));
  const capability = new Uint8Array([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  setXattr(tree, "file", "security.capability", capability);
  setXattr(tree, "dir", "trusted.own", "t");
  setXattr(tree, "link", "trusted.own", "l");
  const before = await manifest(tree);
  setXattr(tree, "dir", "trusted.overlay.opaque", "y");
  const tar = shell("chown -h 7 tree/link; tar -C tree --xattrs --xattrs-include='*' -cf - .", scratch.path);
  await unpack(chunked(tar), scratch.fd("gnu"));
  assertEquals(getXattr(scratch.fd("gnu"), "dir", "trusted.overlay.opaque"), undefined);
  assertEquals((await manifest(scratch.fd("gnu"))).length, before.length);
  assertEquals(getXattr(scratch.fd("gnu"), "file", "security.capability"), capability);
  await unpack(chunked(packed(tree)), scratch.fd("own"));
  assertEquals(await manifest(scratch.fd("own")), await manifest(scratch.fd("gnu")));
});

for (
  const version of [
    "oldgnu",
    "posix --sparse-version=0.0",
    "posix --sparse-version=0.1",
    "posix --sparse-version=1.0",
  ]
) {
  Deno.test(`unpack keeps holes (${version})`, async () => {
    using scratch = new Scratch();
    const tree = scratch.fd("tree");
    shell(
      `cd tree; truncate -s 300M end-hole; echo start | dd of=end-hole conv=notrunc status=none
       for i in $(seq 0 40); do echo part$i | dd of=many bs=1 seek=$((i * 100000 + 7)) conv=notrunc status=none; done
       truncate -s 1M only-hole; echo plain > plain; touch -d @1 *`,
      scratch.path,
    );
    const tar = shell(`tar -C tree --sparse --format=${version} -cf - .`, scratch.path);
    assert(tar.length < 1 << 20);
    for (const length of [1 << 16, 777]) {
      const out = scratch.fd(`out${length}`);
      const size = await unpack(chunked(tar, length), out);
      shell(`cmp tree/many out${length}/many; cmp tree/end-hole out${length}/end-hole`, scratch.path);
      assertEquals(file.stat(out, "only-hole").size, 1 << 20);
      assert(file.stat(out, "end-hole").blocks < 100);
      assertEquals(size, 300 * 2 ** 20 + file.stat(tree, "many").size + 2 ** 20 + 6);
    }
  });
}

Deno.test("GNU tar unpacks what pack made, and so does unpack, in chunks of any size", async () => {
  using scratch = new Scratch();
  const tree = makeTree(scratch);
  setXattr(tree, "file", "user.name", "value");
  const tar = packed(tree);
  Deno.writeFileSync(`${scratch.path}/own.tar`, tar);
  shell("mkdir gnu; tar -C gnu --xattrs --xattrs-include='*' --numeric-owner -xpf own.tar", scratch.path);
  assertEquals(await manifest(scratch.fd("gnu")), await manifest(tree));
  assertEquals(packed(tree), tar);
  const small = scratch.fd("small");
  shell("cp -a tree/. small; rm small/big; touch -r tree small", scratch.path);
  for (const length of [1, 511, 513]) {
    await unpack(chunked(packed(small), length), scratch.fd(`out${length}`));
    assertEquals(await manifest(scratch.fd(`out${length}`)), await manifest(small));
  }
});

Deno.test("pack sorts names by their bytes and leaves out the root and sockets", () => {
  using scratch = new Scratch();
  const tree = scratch.fd("tree");
  for (const name of ["b", "a", "a.b", "Z", "\u{1f600}", "\uff5e", "é"]) {
    Deno.writeTextFileSync(`${scratch.path}/tree/${name}`, "");
  }
  Deno.mkdirSync(`${scratch.path}/tree/a-dir/sub`, { recursive: true });
  using _socket = Deno.listen({ transport: "unix", path: `${scratch.path}/tree/socket` });
  Deno.writeFileSync(`${scratch.path}/own.tar`, packed(tree));
  const names = decodeName(shell("tar --quoting-style=literal -tf own.tar", scratch.path)).trim().split("\n");
  assertEquals(names, ["Z", "a", "a-dir/", "a-dir/sub/", "a.b", "b", "é", "\uff5e", "\u{1f600}"]);
});

Deno.test("whiteouts become overlayfs's, and its own become whiteouts", async () => {
  using scratch = new Scratch();
  const layer = archive(
    { path: "dir/", type: "directory" },
    { path: "dir/.wh.gone" },
    { path: "dir/.wh..wh..opq" },
    { path: ".wh.replaced" },
    { path: "replaced/", type: "directory" },
    { path: "kept", content: "k" },
    { path: ".wh.kept" },
    { path: ".wh..wh.plnk/1.2" },
  );
  const out = scratch.fd("out");
  await unpack(chunked(layer), out);
  assertEquals(file.stat(out, "dir/gone").mode & file.S_IFMT, file.S_IFCHR);
  assertEquals(getXattr(out, "dir", "trusted.overlay.opaque"), new TextEncoder().encode("y"));
  assertEquals(getXattr(out, "replaced", "trusted.overlay.opaque"), new TextEncoder().encode("y"));
  assertEquals(file.stat(out, "kept").size, 1);
  Deno.writeFileSync(`${scratch.path}/own.tar`, packed(out, true));
  const names = decodeName(shell("tar -tf own.tar", scratch.path)).trim().split("\n");
  const expected = ["dir/", "dir/.wh..wh..opq", "dir/.wh.gone", "kept", "replaced/", "replaced/.wh..wh..opq"];
  assertEquals(names.filter((name) => !name.includes("plnk")), expected);
  await unpack(chunked(packed(out, true)), scratch.fd("again"));
  assertEquals(await manifest(scratch.fd("again")), await manifest(out));
});

Deno.test("gzip and zstd archives are decompressed, others named", async () => {
  using scratch = new Scratch();
  const collect = async (bytes: Uint8Array) => {
    let text = "";
    for await (const chunk of decompressed(chunked(bytes, 3))) text += new TextDecoder().decode(chunk);
    return text;
  };
  assertEquals(await collect(shell("(echo one | gzip; echo two | gzip)", scratch.path)), "one\ntwo\n");
  assertEquals(await collect(new TextEncoder().encode("plain")), "plain");
  assertEquals(await collect(new Uint8Array(0)), "");
  const cut = shell("seq 10000 | gzip | head -c 5000", scratch.path);
  await assertRejects(() => collect(cut), Failure, "unexpected end of archive (gzip)");
  const frame = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 0x7a, 0x73, 0x0a]);
  assertEquals(await collect(frame), "zs\n");
  assertEquals(await collect(new Uint8Array([...frame, ...frame])), "zs\nzs\n");
});
