// ps: lists containers, newest first.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { cutter, table } from "../../cli/columns.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { goQuote } from "../../template/go_text.ts";
import { humanAgo, humanDuration, humanSize, shortId } from "../../base/human.ts";
import { print, printError } from "../../base/output.ts";
import { sortedByKey } from "../../base/sorted.ts";
import { networksOf } from "../../container/config.ts";
import { listContainers, type ListedContainer } from "../../container/list.ts";
import { type ContainerState, isAlive } from "../../container/state.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { portColumn } from "../../container/ports.ts";
import { isImageId } from "../../base/reference.ts";
import { tagTarget } from "../../image/store.ts";

export const spec: CommandSpec = {
  name: "ps",
  usage: "[OPTIONS]",
  summary: "List containers",
  aliases: ["container ls", "container list", "container ps"],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Show all containers (default shows just running)" },
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help:
        "Filter output based on conditions provided: ancestor=, before=, exited=, expose=, health=, id=, " +
        "is-task=, label=, name=, network=, publish=, since=, status= or volume=",
    },
    FORMAT_ROWS,
    {
      name: "last",
      short: "n",
      kind: "int",
      help: "Show n last created containers (includes all states)",
      default: -1,
    },
    {
      name: "latest",
      short: "l",
      kind: "bool",
      help: "Show the latest created container (includes all states)",
    },
    { name: "no-trunc", kind: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", kind: "bool", help: "Only display container IDs" },
    { name: "size", short: "s", kind: "bool", help: "Display total file sizes" },
  ],
  args: [0, 0],
};

/** Titles of the columns, by their names in --format. */
export const TITLES = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Status: "STATUS",
  State: "STATE",
  Ports: "PORTS",
  Names: "NAMES",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  Networks: "NETWORKS",
  LocalVolumes: "LOCAL VOLUMES",
  Size: "SIZE",
};
type Column = keyof typeof TITLES;
/** The columns of a container under docker's names, computed when they are read. */
type Row = Readonly<Record<Column, string>>;

export async function run(parsed: Parsed): Promise<number> {
  const containers = await chosen(parsed);
  const short = !parsed.bool("no-trunc");
  const format = parsed.text("format");
  if (parsed.bool("quiet")) {
    if (format) printError("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
    print(containers.map(({ id }) => `${short ? shortId(id) : id}\n`).join(""));
  } else if (format && format !== "table") {
    print(await formatted(format, containers, short, parsed.bool("size")));
  } else {
    const columns: Column[] = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
    if (parsed.bool("size")) columns.push("Size");
    const rows = await rowsOf(containers, short, parsed.bool("size") ? await sizeMaker() : () => "");
    const titles = columns.map((column) => TITLES[column]);
    print(await table(titles, rows.map((row) => columns.map((column) => row[column]))));
  }
  return 0;
}

/** The running containers, the last created ones, or all, as far as they pass the filters. */
async function chosen(parsed: Parsed): Promise<ListedContainer[]> {
  const last = parsed.bool("latest") ? 1 : parsed.int("last")!;
  const filter = parsed.list("filter").length > 0
    ? (await import("../../lifecycle/filter.ts")).containerFilter(parsed.list("filter"))
    : undefined;
  const all = parsed.bool("all") || last > 0 || (filter?.allStates ?? false);
  const listed = listContainers({ all });
  const passed = filter ? listed.filter(filter.matches) : listed;
  const alive = new Set(listed.filter(({ state }) => isAlive(state)).map(({ id }) => id));
  await repairIfNeeded((id) => alive.has(id));
  return last > 0 ? passed.slice(0, last) : passed;
}

/** The containers formatted by --format. For plain "json", docker measures sizes only if told to. */
async function formatted(
  format: string,
  containers: ListedContainer[],
  short: boolean,
  size: boolean,
): Promise<string> {
  const { formatRows } = await import("../../cli/format.ts");
  const { Method } = await import("../../template/template.ts");
  const rows = await rowsOf(containers, short, format === "json" && !size ? () => "0B" : await sizeMaker());
  containers.forEach(({ config }, at) => {
    const label = (key: unknown) => config.process.Labels?.[key as string] ?? "";
    // Not enumerable, so it is not part of {{json .}}.
    Object.defineProperty(rows[at], "Label", { value: new Method(["string"], label) });
  });
  const title = (key: unknown) => (key as string).split(".").at(-1)!.replace(/[-_]/g, " ");
  return await formatRows(format, { ...TITLES, Label: new Method(["string"], title) }, rows);
}

/** The SIZE column: the bytes that the container wrote, and those together with its image. */
async function sizeMaker(): Promise<(container: ListedContainer) => string> {
  const { imageSizeOf, writableSize } = await import("../../container/size.ts");
  return ({ id, config }) => {
    const written = writableSize(id);
    const virtual = written + imageSizeOf(config);
    return humanSize(written, 3) + (virtual > 0 ? ` (virtual ${humanSize(virtual, 3)})` : "");
  };
}

/** What is shown of containers; with `short` as docker shortens it. `size` is the SIZE of one. */
export async function rowsOf(
  containers: ListedContainer[],
  short: boolean,
  size: (container: ListedContainer) => string,
): Promise<Row[]> {
  const imageColumn = imageColumnMaker();
  const cut = short
    ? await cutter(containers.flatMap(({ config }) => [...config.argv, ...config.mounts.map(sourceOf)]))
    : (text: string) => text;
  return containers.map((container) => {
    const { id, config, state, ports } = container;
    const created = Date.parse(config.created);
    return {
      ID: short ? shortId(id) : id,
      get Image() {
        return imageColumn(config.imageName, config.image);
      },
      get Command() {
        return goQuote(cut(commandLine(config.argv), 20));
      },
      get CreatedAt() {
        return new Date(created).toISOString().replace("T", " ").replace(/\..*/, " +0000 UTC");
      },
      get RunningFor() {
        return humanAgo(secondsSince(created));
      },
      get Status() {
        return statusText(state);
      },
      State: state.status,
      get Ports() {
        return portColumn(ports);
      },
      Names: config.name,
      get Labels() {
        return Object.entries(sortedByKey(config.process.Labels) ?? {}).map(([key, value]) =>
          `${key}=${value}`
        ).join(",");
      },
      get Mounts() {
        const sources = config.mounts.filter(({ type }) => type !== "tmpfs").map(sourceOf);
        return sources.map((source) => cut(source, 15)).join(",");
      },
      get Networks() {
        return networksOf(config).map(({ network }) => network).sort().join(",");
      },
      get LocalVolumes() {
        return String(config.mounts.filter(({ type }) => type === "volume").length);
      },
      get Size() {
        return size(container);
      },
    };
  });
}

const sourceOf = ({ source }: { source: string }) => source;

const secondsSince = (time: number) => Math.max(0, (Date.now() - time) / 1000);

/** The command as docker shows it: arguments with blanks in single quotes, whatever they contain. */
function commandLine(argv: string[]): string {
  return argv.map((word, index) => index > 0 && /\s/.test(word) ? `'${word}'` : word).join(" ");
}

/** The user's name for the image, as long as it still means that image. Each tag is looked up once. */
function imageColumnMaker(): (name: string, image: string) => string {
  const targets = new Map<string, string | undefined>();
  return (name, image) => {
    const id = image.replace("sha256:", "");
    if (isImageId(name) && id.startsWith(name.replace("sha256:", ""))) return shortId(id);
    if (!targets.has(name)) targets.set(name, tagTarget(name));
    return targets.get(name) === image ? name : shortId(id);
  };
}

function statusText(state: ContainerState): string {
  const since = state.finished ?? state.started ?? Date.now();
  switch (state.status) {
    case "created":
      return "Created";
    case "running":
      return `Up ${humanDuration(secondsSince(state.started ?? Date.now()))}`;
    case "paused":
      return `Up ${humanDuration(secondsSince(state.started ?? Date.now()))} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${humanAgo(secondsSince(since))}`;
    case "exited":
      return `Exited (${state.exitCode}) ${humanAgo(secondsSince(since))}`;
  }
}
