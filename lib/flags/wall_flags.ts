// Flags that move a container's walls: capabilities, devices, namespaces, and what the kernel lets a process
// have. They are rarely given, so what reads and heeds them (wall_options.ts, lifecycle/walls.ts) is loaded
// only then.

import type { Flag, Parsed } from "../cli/command.ts";
import type { WallConfig } from "../model/container.ts";

export const WALL_FLAGS: Flag[] = [
  { name: "cap-add", kind: "list", help: "Add a capability, or ALL" },
  { name: "cap-drop", kind: "list", help: "Take a capability away, or ALL" },
  { name: "cgroupns", kind: "string", help: "Cgroup namespace: host, private or container:ID" },
  { name: "device", kind: "list", help: "Give it a device of the host (HOST[:CONTAINER[:rwm]])" },
  { name: "device-cgroup-rule", kind: "list", help: "Allow it devices by number (c 10:200 rwm)" },
  { name: "group-add", kind: "list", help: "Additional group, by name or number" },
  { name: "ipc", kind: "string", help: "IPC namespace: host, private, shareable, none or container:ID" },
  {
    name: "oom-score-adj",
    kind: "int",
    help: "How gladly the kernel ends it without memory (-1000 to 1000)",
  },
  { name: "pid", kind: "string", help: "PID namespace: host, private or container:ID" },
  { name: "privileged", kind: "bool", help: "All capabilities and devices, and nothing masked" },
  { name: "shm-size", kind: "string", help: "Size of /dev/shm (64m)" },
  { name: "sysctl", kind: "list", help: "Set a kernel parameter of its namespaces (net.core.somaxconn=512)" },
  { name: "ulimit", kind: "list", help: "Resource limit (nofile=1024[:2048])" },
  { name: "uts", kind: "string", help: "UTS namespace: host, private or container:ID" },
];

const areGiven = (parsed: Parsed) => WALL_FLAGS.some(({ name }) => parsed.given(name));

/** What the flags say. Throws CommandError. */
export async function wallConfig(parsed: Parsed): Promise<WallConfig> {
  if (!areGiven(parsed)) return {};
  const { parseWalls } = await import("./wall_options.ts");
  return parseWalls(parsed);
}
