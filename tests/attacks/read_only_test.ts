// Mounts that shall be read-only, while somebody who shares a volume swaps what their mount points are
// called.

import { assert, assertEquals } from "@std/assert";
import { AT_FDCWD } from "../../ffi/file.ts";
import { makeAttack } from "./attacker.ts";
import { type Box, test, until } from "../world/world.ts";

const RENAME_EXCHANGE = 2;
const ROUNDS = 30;

/** A container that swaps /v/a, a directory, with /v/b, a link to /t, as fast as it can. */
async function startSwapping(box: Box): Promise<void> {
  makeAttack(box.path("swapper"), (p, call) => {
    const again = p.label();
    p.place(again);
    const args = [AT_FDCWD, p.string("/v/a"), AT_FDCWD, p.string("/v/b"), RENAME_EXCHANGE];
    call("renameat2", args, { negative: again, zero: again });
  });
  const script = "mkdir -p /v/a/m; ln -s /t /v/b; exec /swapper";
  const mounts = ["-v", "shared:/v", "-v", `${box.dir}/swapper:/swapper:ro`];
  await box.ok`run -d --name evil ${mounts} busybox sh -c ${script}`;
  await until("it swaps", async () => (await box.ok`top evil`).includes("/swapper"));
}

test("what is mounted read-only never was anything else, wherever it is mounted", async (box) => {
  const decoy = box.path("decoy");
  Deno.mkdirSync(decoy);
  await startSwapping(box);
  // Where the link leads there is a mount, too, that could be made read-only in place of it.
  const flags = ["-v", "shared:/v", "--tmpfs", "/t/m", "-v", `${decoy}:/v/a/m:ro`];
  const script = "for at in /v/a/m /v/b/m /t/m; do echo x >$at/written; done 2>/dev/null; true";
  const seen = { ran: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const { code } = await box.$`run --rm ${flags} busybox sh -c ${script}`;
    seen[code === 0 ? "ran" : "refused"]++;
    assertEquals([...Deno.readDirSync(decoy)], [], `round ${round}`);
  }
  assert(seen.ran > 0, JSON.stringify(seen));
  await box.ok`rm -f evil`;
}, { seconds: 120 });

test("read-only is all that is mounted below, unless it is asked to be otherwise", async (box) => {
  const { BIN } = await import("../world/world.ts");
  const script = `mkdir "$1" && mount -t tmpfs none "$1" && mkdir "$1/sub" && mount -t tmpfs none "$1/sub"
    for mount in "-v $1:/b:ro" "-v $1:/b:ro,rslave" "--mount type=bind,source=$1,target=/b,readonly" \\
      "--mount type=bind,source=$1,target=/b,readonly,bind-recursive=readonly,bind-propagation=rprivate" \\
      "--mount type=bind,source=$1,target=/b,readonly,bind-recursive=writable" \\
      "--mount type=bind,source=$1,target=/b,readonly,bind-recursive=disabled" "-v $1:/b"; do
      "$0" run --rm $mount busybox sh -c 'for at in /b /b/sub; do touch $at/f 2>/dev/null && echo $at; done; echo .'
    done`;
  const argv = ["unshare", "-m", "--propagation", "private", "sh", "-ec"];
  const source = box.path("source");
  // A slave takes a shared mount.
  const { stdout, stderr } = await box.exec`${argv} ${`mount --make-rshared /\n${script}`} ${BIN} ${source}`;
  assertEquals(stderr, "");
  assertEquals(stdout.split(".\n"), ["", "", "", "", "/b/sub\n", "", "/b\n/b/sub\n", ""]);
});
