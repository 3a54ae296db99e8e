// volume ls: lists volumes.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { parseFilters, truthOf } from "../../cli/filter.ts";
import { formatRows, type Row } from "../../cli/format.ts";
import { matches } from "../../volume/filter.ts";
import { listVolumes, mountpointOf, type Volume, volumesInUse } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume ls",
  usage: "[OPTIONS]",
  summary: "List volumes",
  aliases: ["volume list"],
  args: [0, 0],
  flags: [
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help: "Provide filter values: dangling=true, driver=local, label=key[=value] or name=text",
    },
    FORMAT_ROWS,
    { name: "quiet", short: "q", kind: "bool", help: "Only display volume names" },
  ],
};

const TITLES = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
};
const COLUMNS = "table {{.Driver}}\t{{.Name}}";

/** Prints the table, or the output that --quiet and --format ask for. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "-f, --filter", [
    "dangling",
    "driver",
    "label",
    "name",
  ]);
  const dangling = truthOf(filters, "dangling");
  const users = dangling === undefined ? undefined : volumesInUse();
  const shown = listVolumes().filter((volume) =>
    matches(volume, filters) && (dangling === undefined || dangling !== users!.has(volume.name))
  );
  const text = await formatRows(template(parsed), TITLES, shown.map(row));
  if (text) console.log(text.trimEnd());
  return 0;
}

/** A --format template takes precedence over --quiet, as in docker. */
function template(parsed: Parsed): string {
  const format = parsed.text("format") || "table";
  if (format !== "table") return format;
  return parsed.bool("quiet") ? "{{.Name}}" : COLUMNS;
}

function row({ name, labels = {} }: Volume): Row {
  return {
    Name: name,
    Driver: "local",
    Scope: "local",
    Mountpoint: mountpointOf(name),
    Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort().join(","),
    Links: "N/A",
    Size: "N/A",
  };
}
