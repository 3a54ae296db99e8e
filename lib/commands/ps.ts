// ps: containers, newest first.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { goQuote } from "../cli/go_text.ts";
import { ellipsis, humanAgo, humanDuration, shortId } from "../cli/human.ts";
import { print } from "../cli/output.ts";
import { table } from "../cli/table.ts";
import { allContainers, type Container } from "../container/find.ts";
import { type ContainerState, containerState, isAlive } from "../container/state.ts";
import { isImageId } from "../image/reference.ts";
import { tagTarget } from "../image/store.ts";

export const spec: CommandSpec = {
  name: "ps",
  usage: "[OPTIONS]",
  summary: "List containers",
  aliases: ["container ls", "container list", "container ps"],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Show those that do not run, too" },
    { name: "format", kind: "string", help: "Format with a Go template, 'table TEMPLATE' or 'json'" },
    {
      name: "last",
      short: "n",
      kind: "int",
      help: "Show the n last created, in whatever state",
      default: -1,
    },
    { name: "latest", short: "l", kind: "bool", help: "Show the last created, in whatever state" },
    { name: "no-trunc", kind: "bool", help: "Do not shorten anything" },
    { name: "quiet", short: "q", kind: "bool", help: "Show IDs only" },
  ],
  args: [0, 0],
};

const TITLES: Record<string, string> = {
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
};

export async function run(parsed: Parsed): Promise<number> {
  const rows = listed(parsed).map(({ container, state }) => row(container, state, !parsed.bool("no-trunc")));
  const format = parsed.text("format");
  if (parsed.bool("quiet")) print(rows.map((row) => `${row.ID}\n`).join(""));
  else if (format !== undefined && format !== "table") {
    const { formatRows } = await import("../cli/format.ts");
    print(formatRows(format, TITLES, rows));
  } else {
    const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
    print(
      table(columns.map((column) => TITLES[column]), rows.map((row) => columns.map((column) => row[column]))),
    );
  }
  return 0;
}

function listed(parsed: Parsed): { container: Container; state: ContainerState }[] {
  const last = parsed.bool("latest") ? 1 : parsed.int("last") ?? -1;
  const all = allContainers().map((container) => ({ container, state: containerState(container.dir) }));
  if (last > 0) return all.slice(0, last);
  return parsed.bool("all") ? all : all.filter(({ state }) => isAlive(state));
}

function row({ id, config }: Container, state: ContainerState, short: boolean): Record<string, string> {
  const command = commandLine(config.argv);
  const created = Date.parse(config.created);
  const volumes = config.mounts.filter((mount) => mount.type === "volume");
  const mounts = config.mounts.filter((mount) => mount.type !== "tmpfs").map(({ source }) => source);
  return {
    ID: short ? shortId(id) : id,
    Image: imageColumn(config.imageName, config.image),
    Command: goQuote(short ? ellipsis(command, 20) : command),
    CreatedAt: new Date(created).toISOString().replace("T", " ").replace(/\..*/, " +0000 UTC"),
    RunningFor: humanAgo(secondsSince(created)),
    Status: statusText(state),
    State: state.status,
    Ports: "",
    Names: config.name,
    Labels: Object.entries(config.process.Labels ?? {}).map(([key, value]) => `${key}=${value}`).join(","),
    Mounts: mounts.map((source) => short ? ellipsis(source, 15) : source).join(","),
    Networks: config.network,
    LocalVolumes: String(volumes.length),
  };
}

const secondsSince = (time: number) => Math.max(0, (Date.now() - time) / 1000);

/** As docker shows it: words with blanks in single quotes, whatever is in them. */
function commandLine(argv: string[]): string {
  return argv.map((word, index) => index > 0 && /\s/.test(word) ? `'${word}'` : word).join(" ");
}

/** What the user called the image, for as long as that means the same image. */
function imageColumn(name: string, image: string): string {
  const id = image.replace("sha256:", "");
  if (isImageId(name) && id.startsWith(name.replace("sha256:", ""))) return shortId(id);
  return tagTarget(name) === image ? name : shortId(id);
}

function statusText(state: ContainerState): string {
  if (state.status === "created") return "Created";
  if (state.status === "running") return `Up ${humanDuration(secondsSince(state.started ?? Date.now()))}`;
  const ended = state.finished ?? state.started;
  return `Exited (${state.exitCode})` + (ended === undefined ? "" : ` ${humanAgo(secondsSince(ended))}`);
}
