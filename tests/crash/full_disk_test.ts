// A disk that is full under containers: they go on, lose some of their log, and can be looked at, ended and
// removed.

import { assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";

/**
 * What a script says that finds mydocker as $D and its root directory on a small disk, which `fill` fills.
 */
async function onSmallDisk(box: Box, script: string): Promise<{ stdout: string; stderr: string }> {
  const prepare = `
    set -u; D=$0 root=$1
    mkdir -p "$root" && mount -t tmpfs -o mode=755,size=12m,nr_inodes=1500 tmpfs "$root" && export MYDOCKER_ROOT="$root"
    $D import "$2" busybox >/dev/null || exit 9
    fill() { head -c 100000000 /dev/zero >>"$root/fill" 2>/dev/null; }
    fill_names() { i=0; while command : >"$root/fill.$i"; do i=$((i+1)); done 2>/dev/null; }
    free() { rm -f "$root"/fill*; }
    until_() { i=0; while ! eval "$1"; do i=$((i+1)); [ $i -lt 400 ] || { echo "in vain: $1"; return; }; sleep 0.02; done; }
    state() { $D inspect -f "{{.State.Status}} {{.State.ExitCode}}" "$1"; }
    ${script}
    $D ps -aq | xargs -r $D rm -f >/dev/null; $D ps -aq; find "$root/containers" "$root/names" "$root/tmp" -mindepth 1 ! -name .lock`;
  const argv = ["unshare", "-m", "sh", "-c", prepare, BIN, `${box.dir}/small`, await busyboxTar()];
  return await box.exec(argv);
}

test("full disk: a chatty container goes on, and can be looked at, stopped and removed", async (box) => {
  const chatty =
    "i=0; while [ ! -e /dev/shm/go ]; do i=$((i+1)); echo line $i; done; sleep 0.2; echo last; exit 7";
  const { stdout, stderr } = await onSmallDisk(
    box,
    `
    for name in stopped ends; do $D run -d --name $name busybox sh -c '${chatty}' >/dev/null; done
    until_ '[ $($D logs ends | wc -l) -gt 100 ]'
    fill; sleep 0.1; fill
    $D ps --format "{{.Names}} {{.State}}" | sort
    $D logs ends | awk '$0 != "line " NR { print "wrong:", NR, $0; exit }'
    $D exec ends true; echo "exec $?"
    $D stop -t 0 stopped; state stopped
    $D logs stopped | tail -n 1 | grep -q "^line" && echo logged
    $D exec ends touch /dev/shm/go; $D wait ends; state ends
    $D logs ends >/dev/null; echo "logs $?"
    $D rm stopped
    free
    $D start ends; state ends; $D rm -f ends`,
  );
  assertEquals(
    stdout,
    "ends running\nstopped running\nexec 0\nstopped\nexited 137\nlogged\n7\nexited 7\nlogs 0\nstopped\n" +
      "ends\nrunning 0\nends\n",
    stderr,
  );
  // What went on went on; that it could not be noted is said.
  for (const line of stderr.split("\n").filter(Boolean)) {
    assertMatch(line, /warning: no event .*no space left/);
  }
}, { seconds: 60 });

test("full disk: run -d, start, create and pause fail with a reason, and leave nothing", async (box) => {
  for (const fill of ["fill", "fill_names"]) {
    const { stdout, stderr } = await onSmallDisk(
      box,
      `
      $D create --name made busybox sh -c "echo hi; exit 3" >/dev/null
      $D run -d --name runs busybox sleep 1000 >/dev/null
      ${fill}
      $D run -d --name new busybox true; echo "run $?"
      $D run -d --rm -v fresh:/v --name new busybox true; echo "run $?"
      $D create --name new busybox true; echo "create $?"
      $D volume create fresh; echo "volume $?"
      $D ps -a --format "{{.Names}} {{.State}}" | sort
      $D volume ls -q
      $D pause runs; $D unpause runs >/dev/null; state runs
      free
      $D run --rm --name new busybox echo works; $D start -a made; echo "start $?"; $D rm -f runs`,
    );
    const failed = "run 125\nrun 125\ncreate 125\nvolume 1\n";
    assertEquals(
      stdout.replace("runs\nrunning", "running"),
      `${failed}made created\nruns running\nrunning 0\nworks\nhi\nstart 3\nruns\n`,
      `${fill}: ${stderr}`,
    );
    for (const line of stderr.split("\n").filter(Boolean)) assertMatch(line, /no space left|is not paused/);
  }
}, { seconds: 60 });

test("full disk: what would write fails with docker's exit code, what only reads works", async (box) => {
  const { stdout, stderr } = await onSmallDisk(
    box,
    `
    $D create --name made busybox true >/dev/null
    fill; fill_names
    $D rename made other; echo "rename $?"
    $D commit made image; echo "commit $?"
    $D tag busybox image; echo "tag $?"
    $D network create fresh; echo "network create $?"
    $D network ls --format "{{.Name}}"; echo "network ls $?"
    $D network inspect -f "{{.Name}} {{.Driver}}" host bridge none; echo "network inspect $?"
    $D ps -a --format "{{.Names}}"; $D images --format "{{.Repository}}"; $D volume ls -q; echo "volume ls $?"
    before=$($D network ls --no-trunc -q | sort); free
    $D run --rm busybox true; [ "$before" = "$($D network ls --no-trunc -q | sort)" ] && echo "the same IDs"`,
  );
  const failed = "rename 1\ncommit 1\ntag 1\nnetwork create 1\n";
  const read = "bridge\nhost\nnone\nnetwork ls 0\nhost host\nbridge bridge\nnone null\nnetwork inspect 0\n" +
    "made\nbusybox\nvolume ls 0\nthe same IDs\n";
  assertEquals(stdout, failed + read, stderr);
  for (const line of stderr.split("\n").filter(Boolean)) {
    assertMatch(line, /no space left|failed to rename container named made/);
  }
}, { seconds: 60 });

test(
  "full disk, not even room for a name: a container is stopped, whatever its restart policy, and removed",
  async (box) => {
    for (const flags of ["", "--rm", "--restart always"]) {
      const { stdout, stderr } = await onSmallDisk(
        box,
        `
      for name in stopped killed removed; do
        $D run -d ${flags} --name $name busybox sh -c "trap 'exit 5' TERM; while :; do sleep 0.05; done" >/dev/null
      done
      fill; fill_names
      $D stop stopped; $D kill removed; until_ '! $D ps -q --filter name=removed | grep -q .'
      $D rm -f killed; $D ps -a --format "{{.Names}} {{.State}}" | grep -v removed
      $D ps -q`,
      );
      const kept = flags === "--rm" ? "" : "stopped exited\n";
      assertEquals(stdout, `stopped\nremoved\nkilled\n${kept}`, `${flags}: ${stderr}`);
    }
  },
  { seconds: 60 },
);
