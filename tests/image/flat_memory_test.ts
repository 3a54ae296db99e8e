// What a large layer takes of memory: no more than a small one, compressed or not, however well.

import { assert, assertEquals } from "@std/assert";
import { type Bytes, json, sha256 } from "../world/archives.ts";
import { BIN, type Box, requires, type Running, test, words } from "../world/world.ts";
import { tar } from "../world/images.ts";

/** kB: less than half of the layer. */
const LIMIT = 150_000;
const PIECE = 4_000_256; // 7813 blocks
const PIECES = 60;

/** The most that a process ever had in memory, in kB; it is asked until it has ended. */
async function peakOf(process: Running): Promise<number> {
  let peak = 0;
  let ended = false;
  const end = process.end().finally(() => ended = true);
  while (!ended) {
    try {
      const status = Deno.readTextFileSync(`/proc/${process.pid}/status`);
      peak = Math.max(peak, Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { code, stderr } = await end;
  assertEquals(code, 0, stderr);
  return peak;
}

/**
 * Files `head`, `piece` and `tail`: an archive of one file of 240 MB is head, PIECES times the piece, and
 * tail.
 */
function makeParts(box: Box, piece: Bytes): void {
  box.path("head", tar([{ name: "large", size: PIECE * PIECES }], false).subarray(0, 512));
  box.path("piece", piece);
  box.path("tail", new Uint8Array(1024));
}

function noise(): Bytes {
  const bytes = new Uint8Array(PIECE);
  for (let at = 0; at < PIECE; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

const ALL = `cat head; for i in $(seq ${PIECES}); do cat piece; done; cat tail`;
/** Members and frames of their own, since compressing noise takes its time. */
const JOINED = (pack: string) =>
  `for i in head piece tail; do ${pack} <$i >$i.packed; done;
   cat head.packed; for i in $(seq ${PIECES}); do cat piece.packed; done; cat tail.packed`;

/** The peak of an import of what `script` writes. */
async function importing(box: Box, script: string): Promise<number> {
  const command = `exec "$1" import - "$2" < <(${script})`;
  const peak = await peakOf(box.start(words`bash -c ${command} sh ${BIN} flat`, { cwd: box.dir }));
  const size = await box.ok`image inspect -f {{.Size}} flat`;
  assertEquals(Number(size), PIECE * PIECES);
  await box.ok`rmi flat`;
  return peak;
}

for (const packer of ["gzip -1", "zstd -1"]) {
  const [name] = packer.split(" ");
  test(`import: memory is flat for ${name}`, async (box) => {
    makeParts(box, new Uint8Array(PIECE));
    const zeros = await importing(box, `{ ${ALL}; } | ${packer}`);
    assert(zeros <= LIMIT, `zeros: ${zeros} kB`);
    makeParts(box, noise());
    const random = await importing(box, JOINED(packer));
    assert(random <= LIMIT, `noise: ${random} kB`);
  }, name === "zstd" ? await requires("zstd") : {});
}

test("load: memory is flat for a gzip layer", async (box) => {
  makeParts(box, new Uint8Array(PIECE));
  const script = `{ ${ALL}; } | tee >(sha256sum >sum) | gzip -1 >layer`;
  await box.exec`bash -c ${script}`;
  const [hex] = Deno.readTextFileSync(box.path("sum")).split(" ");
  const config = json({ rootfs: { type: "layers", diff_ids: [`sha256:${hex}`] } });
  const layer = Deno.readFileSync(box.path("layer"));
  const Config = `${await sha256(config)}.json`;
  const manifest = json([{ Config, RepoTags: ["flat:1"], Layers: ["layer"] }]);
  const entries = [{ name: "layer", data: layer }, { name: Config, data: config }];
  const archive = box.path("archive", tar([...entries, { name: "manifest.json", data: manifest }]));
  const peak = await peakOf(box.spawn`load -i ${archive}`);
  assert(peak <= LIMIT, `${peak} kB`);
  assert(await box.ok`image inspect -f {{.Size}} flat:1` === String(PIECE * PIECES));
});
