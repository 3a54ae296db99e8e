// A hostile container that may look into other processes (CAP_SYS_PTRACE), and does so all the time.

import type { Box } from "../world/world.ts";

/** A shell's line that does something for each process $p that there is. */
export const forEachProcess = (step: string) => `for p in /proc/[0-9]*; do ${step}; done`;

/**
 * Starts the container c1, which looks in each process it sees for a file of the host's beside the root
 * directory, which mydocker has open: from its descriptors, and by its absolute path from its root and
 * working directory; and for capabilities that the container has not. Returns what says what it found, or
 * undefined.
 */
export async function startWatching(box: Box): Promise<() => string | undefined> {
  box.path("secret", "of the host\n");
  Deno.mkdirSync(box.path("out"));
  const look = `
    for f in $p/fd/*; do read -r line <"$f/../secret" && echo "$f $line" >>/out/won; done
    for d in root cwd; do read -r line <"$p/$d${box.dir}/secret" && echo "$p/$d $line" >>/out/won; done
    while read -r name value; do case $name in
      CapEff:|CapPrm:|CapBnd:) [ $((0x$value & ~0x$mine)) = 0 ] || echo "$p $name $value" >>/out/won;;
    esac; done <$p/status`;
  const script = `while read -r name value; do [ $name = CapBnd: ] && mine=$value; done </proc/self/status
    for i in 1 2; do while :; do ${forEachProcess(look)}; done & done 2>/dev/null; wait`;
  await box.ok`${["run", "-d", "--name", "c1", "--network", "none", "--cap-add", "SYS_PTRACE"]} ${[
    "-v",
    `${box.dir}/out:/out`,
    "busybox",
    "sh",
    "-c",
    script,
  ]}`;
  return () => {
    try {
      return Deno.readTextFileSync(box.path("out/won")).split("\n")[0];
    } catch {
      return undefined;
    }
  };
}
