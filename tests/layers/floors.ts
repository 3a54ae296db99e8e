// The floors of the house. A file may import from its own folder and from floors below it: never sideways,
// never up. tests/check_layers.ts proves it, and docs/architecture.md shows this table.

/** One floor: its folders, and what lives there. */
export interface Floor {
  /** Below lib/, but for `main.ts` and `ffi`. */
  folders: string[];
  what: string;
  /** Nothing that its files reach calls the kernel, or asks Deno for anything. */
  pure?: boolean;
}

/** From the top of the house to the ground. */
export const FLOORS: Floor[] = [
  {
    folders: ["main.ts", "launcher"],
    what: "the table of commands; how one file is made of everything, and how it starts",
  },
  { folders: ["commands"], what: "one file for each command, in folders by noun as docker's" },
  {
    folders: ["lifecycle"],
    what: "start, stop, exec, remove, attach, pause, wait, update, inspect of a container",
  },
  {
    folders: ["housekeeping", "registry", "archive"],
    what: "sweep and disk usage; pull; load and save",
  },
  {
    folders: ["image", "volume", "network", "log"],
    what: "what containers are made of, and what they leave",
  },
  {
    folders: ["container"],
    what: "a container's record: configuration, names, state, process, ports; nothing that starts or stops",
  },
  { folders: ["events"], what: "what happened, appended and read" },
  {
    folders: ["keeper", "seccomp", "copy"],
    what: "kernel programs; filters of system calls; the rules of cp",
  },
  {
    folders: ["flags"],
    what:
      "words become options: plain data, before anything is looked up; reaches nothing that asks the host",
    pure: true,
  },
  {
    folders: ["model", "layer", "security", "cli"],
    what:
      "types and names that many share; layers and tar; capabilities and devices; parsing, help, progress",
  },
  {
    folders: ["store", "cgroup", "nat", "host", "template"],
    what: "the root directory; control groups; packet filters; facts of the host; Go templates and tables",
  },
  { folders: ["base"], what: "errors, output, environment, JSON, time, addresses, digests, references" },
  { folders: ["ffi"], what: "libc, and nothing of containers" },
];

/** The table as docs/architecture.md has it. */
export function picture(floors: Floor[]): string {
  const rows = floors.map(({ folders, what }, index) =>
    `| ${floors.length - index} | ${folders.map((name) => `\`${name}\``).join(" ")} | ${what} |`
  );
  return ["| floor | folders | what lives there |", "| --- | --- | --- |", ...rows].join("\n");
}
