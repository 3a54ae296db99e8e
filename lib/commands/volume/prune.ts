// volume prune: removes all volumes that no container uses.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { humanSize } from "../../cli/human.ts";
import { emitPrune } from "../../events/emit.ts";
import { rootFd } from "../../state/root.ts";
import { matches, parseFilters } from "../../volume/filter.ts";
import { listVolumes, removeUnused, volumesInUse } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume prune",
  usage: "[OPTIONS]",
  summary: "Remove volumes that no container uses",
  args: [0, 0],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Also those that have a name, not just anonymous ones" },
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Remove only some: label=key[=value], label!=key[=value]",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not ask first" },
  ],
};

/** Asks, removes, and says what was removed and how much space that gave. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!"]);
  const all = parsed.bool("all");
  let reclaimed = 0;
  if (parsed.bool("force") || agreed(all ? "all" : "anonymous")) {
    const users = volumesInUse();
    const unwanted = listVolumes().filter((volume) =>
      (all || volume.anonymous) && !users.has(volume.name) && matches(volume, filters)
    );
    const sizes = new Map(unwanted.map(({ name }) => [name, sizeOf(name)]));
    const removed = await removeUnused(sizes.keys());
    if (removed.length > 0) console.log(`Deleted Volumes:\n${removed.join("\n")}\n`);
    for (const name of removed) reclaimed += sizes.get(name)!;
    emitPrune("volume", reclaimed);
  }
  console.log(`Total reclaimed space: ${humanSize(reclaimed)}`);
  return 0;
}

function agreed(which: string): boolean {
  const question = `WARNING! This will remove ${which} local volumes not used by at least one container.\n` +
    "Are you sure you want to continue? [y/N] ";
  Deno.stdout.writeSync(new TextEncoder().encode(question));
  return readLine().trim().toLowerCase() === "y";
}

function readLine(): string {
  let line = "";
  const byte = new Uint8Array(1);
  while (Deno.stdin.readSync(byte) === 1 && byte[0] !== 10) line += String.fromCharCode(byte[0]);
  return line;
}

/** Bytes in a volume's regular files, each counted once however many names it has; 0 where the volume is gone. */
function sizeOf(name: string): number {
  const seen = new Set<string>();
  const measure = (dir: number, path: string): number => {
    const stat = file.statIfAny(dir, path);
    const type = (stat?.mode ?? 0) & file.S_IFMT;
    if (type === file.S_IFDIR) return inDirectory(dir, path, measure);
    const inode = `${stat?.device}/${stat?.inode}`;
    if (type !== file.S_IFREG || seen.has(inode)) return 0;
    seen.add(inode);
    return stat!.size;
  };
  return measure(rootFd(), `volumes/${name}/_data`);
}

function inDirectory(dir: number, path: string, measure: (dir: number, path: string) => number): number {
  const fd = file.openat(dir, path, file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
  try {
    return file.entries(fd).reduce((sum, { name }) => sum + measure(fd, name), 0);
  } finally {
    file.close(fd);
  }
}
