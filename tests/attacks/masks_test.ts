// Masks, console and kernel parameters while a neighbour that shares a volume swaps what lies at their paths:
// a runtime that uses /dev/null, /dev/pts/0 or /proc by their names then mounts or writes elsewhere
// (CVE-2025-31133, -52565, -52881).

import { assert, assertEquals } from "@std/assert";
import { makeAttack } from "./attacker.ts";
import { type Box, test, until } from "../world/world.ts";
import { terminal } from "../world/pty.ts";
import { AT_FDCWD } from "../../ffi/file.ts";

const RENAME_EXCHANGE = 2;

/**
 * A neighbour with the volume "dev" at /dev, which swaps each of these with a symlink there, as fast as it
 * can.
 */
async function startSwapping(box: Box, links: Record<string, string>): Promise<void> {
  makeAttack(box.path("swapper"), (p, call) => {
    const again = p.label();
    p.place(again);
    for (const name of Object.keys(links)) {
      const next = p.label();
      const paths = [AT_FDCWD, p.string(`/d/${name}`), AT_FDCWD, p.string(`/d/${name}.link`)];
      call("renameat2", [...paths, RENAME_EXCHANGE], { negative: next });
      p.place(next);
    }
    p.goto(again);
  });
  const made = Object.entries(links).map(([name, target]) => `ln -s ${target} /d/${name}.link`);
  const nodes = "mknod -m 666 /d/null c 1 3; mkdir /d/pts /d/shm /d/mqueue; touch /d/console";
  const script = `${nodes}; ${made.join("; ")}; exec /swapper`;
  const volumes = ["-v", "dev:/d", "-v", `${box.dir}/swapper:/swapper:ro`];
  await box.ok`run -d --name evil --network none ${volumes} busybox sh -c ${script}`;
  await until("it swaps", async () => (await box.ok`top evil`).includes("/swapper"));
}

/** What a victim sees of what must be hidden or closed. */
const LOOK = `for f in /proc/keys /proc/timer_list /proc/interrupts; do wc -c <$f; done
  for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do (true >>$f) 2>&- && echo "open $f"; done
  cat /proc/sys/net/ipv4/ip_unprivileged_port_start
  awk '$2 ~ "^/proc/|^/dev/console" && $3 !~ "proc|tmpfs|devpts"' /proc/mounts; echo end`;
const WHOLE = "0\n0\n0\n77\nend";
const VICTIM = [
  ...[
    "run",
    "--rm",
    "--network",
    "none",
    "-v",
    "dev:/dev",
    "--sysctl",
    "net.ipv4.ip_unprivileged_port_start=77",
  ],
];

test(
  "CVE-2025-31133, -52881: masks and parameters are what they are, whatever becomes of /dev",
  async (box) => {
    await startSwapping(box, { null: "/proc/sys/kernel/core_pattern", shm: "/proc/sys", mqueue: "/proc" });
    for (let n = 0; n < 20; n++) {
      const flags = n % 2 ? ["--init"] : [];
      const { code, stdout, stderr } = await box.$`${VICTIM} ${flags} busybox sh -c ${LOOK}`;
      assertEquals([code, stdout.trimEnd(), stderr], [0, WHOLE, ""]);
    }
    await box.ok`rm -f evil`;
  },
  { seconds: 90 },
);

test(
  "CVE-2025-52565: a terminal's console is its own terminal, whatever becomes of /dev/pts and /dev/console",
  async (box) => {
    await startSwapping(box, { pts: "/proc", console: "/proc/sysrq-trigger", null: "/proc/self/mem" });
    for (let n = 0; n < 10; n++) {
      const look = `${LOOK.replaceAll("\n", ";")}`;
      await using tty = terminal(box, [...VICTIM, "-it", "busybox", "sh", "-c", look]);
      await tty.expect(WHOLE.replaceAll("\n", "\r\n"));
      assertEquals((await tty.end()).code, 0);
    }
    await box.ok`rm -f evil`;
  },
  { seconds: 90 },
);

test("nothing can be mounted over /proc, where a runtime writes before its masks are there", async (box) => {
  for (const target of ["/proc", "/proc/self/attr", "/proc/sys", "/sys/../proc/1"]) {
    const { code, stderr } = await box.$`run --rm --network none -v dev:${target} busybox true`;
    assert(code !== 0, `${target}: ${stderr}`);
  }
});
