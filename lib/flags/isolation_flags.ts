// Flags that change a container's isolation: capabilities, devices, namespaces and resource limits of
// processes. They are rarely given, so the code that reads and applies them is loaded only then
// (isolation_options.ts, lifecycle/look_up.ts, lifecycle/isolation.ts).

import type { Flag, Parsed } from "../cli/command.ts";
import type { IsolationConfig } from "../model/container.ts";

export const ISOLATION_FLAGS: Flag[] = [
  { name: "cap-add", kind: "list", help: "Add Linux capabilities" },
  { name: "cap-drop", kind: "list", help: "Drop Linux capabilities" },
  { name: "cgroupns", kind: "string", help: "Cgroup namespace to use (host|private|container:ID)" },
  { name: "device", kind: "list", help: "Add a host device to the container (HOST[:CONTAINER[:rwm]])" },
  {
    name: "device-cgroup-rule",
    kind: "list",
    help: "Add a rule to the cgroup allowed devices list (e.g., c 10:200 rwm)",
  },
  { name: "group-add", kind: "list", help: "Add additional groups to join" },
  { name: "ipc", kind: "string", help: "IPC mode to use (host|private|shareable|none|container:ID)" },
  {
    name: "oom-score-adj",
    kind: "int",
    help: "Tune host's OOM preferences (-1000 to 1000)",
  },
  { name: "pid", kind: "string", help: "PID namespace to use (host|private|container:ID)" },
  { name: "privileged", kind: "bool", help: "Give extended privileges to this container" },
  { name: "shm-size", kind: "string", help: "Size of /dev/shm (64m)" },
  { name: "sysctl", kind: "list", help: "Sysctl options (e.g., net.core.somaxconn=512)" },
  { name: "ulimit", kind: "list", help: "Ulimit options (e.g., nofile=1024:2048)" },
  { name: "uts", kind: "string", help: "UTS namespace to use (host|private|container:ID)" },
];

const areGiven = (parsed: Parsed) => ISOLATION_FLAGS.some(({ name }) => parsed.given(name));

/** The values of the flags; other containers are named as "container:REFERENCE". Throws Refusal. */
export async function isolationOptions(parsed: Parsed): Promise<IsolationConfig> {
  if (!areGiven(parsed)) return {};
  const { parseIsolation } = await import("./isolation_options.ts");
  return parseIsolation(parsed);
}
