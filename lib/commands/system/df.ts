// system df: shows the disk space of images, containers and volumes, and how much of it is reclaimable.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { formatRows, type Row } from "../../cli/format.ts";
import { humanSize, shortId } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { compileTemplate } from "../../template/template.ts";
import { type DiskUsage, diskUsage } from "../../housekeeping/disk_usage.ts";
import { mountpointOf } from "../../volume/store.ts";
import { namesOf, row as imageRow, TITLES as IMAGE_TITLES } from "../image/images.ts";
import { rowsOf, TITLES as CONTAINER_TITLES } from "../container/ps.ts";

export const spec: CommandSpec = {
  name: "system df",
  usage: "[OPTIONS]",
  summary: "Show mydocker disk usage",
  args: [0, 0],
  flags: [
    FORMAT_ROWS,
    { name: "verbose", short: "v", kind: "bool", help: "Show detailed information on space usage" },
  ],
};

const TITLES = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
};
const VOLUME_TITLES = { Name: "VOLUME NAME", Links: "LINKS", Size: "SIZE" };
const CACHE_TITLES = {
  ID: "CACHE ID",
  CacheType: "CACHE TYPE",
  Size: "SIZE",
  CreatedSince: "CREATED",
  LastUsedSince: "LAST USED",
  UsageCount: "USAGE",
  Shared: "SHARED",
};

export async function run(parsed: Parsed): Promise<number> {
  const usage = diskUsage();
  const format = parsed.text("format") || "table";
  const template = format === "table" ? tableOf(Object.keys(TITLES)) : format;
  print(
    parsed.bool("verbose")
      ? await verbose(usage, format)
      : await formatRows(template, TITLES, summary(usage)),
  );
  return 0;
}

function tableOf(columns: string[]): string {
  return `table ${columns.map((column) => `{{.${column}}}`).join("\t")}`;
}

function summary({ images, layersSize, containers, volumes }: DiskUsage): Row[] {
  const sum = <T>(items: T[], size: (item: T) => number) =>
    items.reduce((total, item) => total + size(item), 0);
  const inUse = images.filter(({ containers }) => containers > 0);
  const idle = containers.filter(({ active }) => !active);
  const unused = volumes.filter(({ links }) => links === 0);
  return [
    line("Images", images.length, inUse.length, layersSize, layersSize - sum(inUse, ({ unique }) => unique)),
    line(
      "Containers",
      containers.length,
      containers.length - idle.length,
      sum(containers, ({ size }) => size),
      sum(idle, ({ size }) => size),
    ),
    line(
      "Local Volumes",
      volumes.length,
      volumes.length - unused.length,
      sum(volumes, ({ size }) => size),
      sum(unused, ({ size }) => size),
    ),
    // Scripts expect this line; there is no build cache.
    line("Build Cache", 0, 0, 0, 0),
  ];
}

function line(type: string, total: number, active: number, size: number, reclaimable: number): Row {
  const percent = size > 0 ? ` (${Math.floor(reclaimable * 100 / size)}%)` : "";
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size),
    Reclaimable: humanSize(reclaimable) + percent,
  };
}

/** Lists each object, in four tables or by the template. */
async function verbose(usage: DiskUsage, format: string): Promise<string> {
  if (format === "table") return await tables(usage);
  const lists = {
    Images: imageRows(usage),
    Containers: await containerRows(usage, false),
    Volumes: volumeRows(usage),
  };
  const sorted = Object.entries(lists).map(([name, rows]) => [name, rows.map(byName)]);
  const template = format === "json" ? "{{json .}}" : format;
  const render = compileTemplate(template, { missingKey: "error" });
  return `${render({ ...Object.fromEntries(sorted), BuildCache: [] })}\n`;
}

function byName(row: Row): Row {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1));
}

const IMAGE_COLUMNS = [
  "Repository",
  "Tag",
  "ID",
  "CreatedSince",
  "Size",
  "SharedSize",
  "UniqueSize",
  "Containers",
];
const CONTAINER_COLUMNS = [
  "ID",
  "Image",
  "Command",
  "LocalVolumes",
  "Size",
  "RunningFor",
  "Status",
  "Names",
];

async function tables(usage: DiskUsage): Promise<string> {
  const table = (columns: string[], titles: Row, rows: Row[]) => formatRows(tableOf(columns), titles, rows);
  const images = imageRows(usage).map((row) => ({ ...row, ID: shortId(row.ID as string) }));
  const containers = await containerRows(usage, true);
  const volumes = await table(Object.keys(VOLUME_TITLES), VOLUME_TITLES, volumeRows(usage));
  return [
    `Images space usage:\n\n${await table(IMAGE_COLUMNS, IMAGE_TITLES, images)}`,
    `Containers space usage:\n\n${await table(CONTAINER_COLUMNS, CONTAINER_TITLES, containers)}`,
    `Local Volumes space usage:\n\n${volumes}`,
    `Build cache usage: 0B\n\n${await table(Object.keys(CACHE_TITLES), CACHE_TITLES, [])}`,
  ].join("\n");
}

function imageRows({ images }: DiskUsage): Row[] {
  return images.flatMap(({ image, containers, shared, unique }) => {
    const sizes = {
      SharedSize: humanSize(shared),
      UniqueSize: humanSize(unique),
      Containers: String(containers),
    };
    return namesOf(image, false).map((name) => ({ ...imageRow(image, name, true), ...sizes }));
  });
}

async function containerRows({ containers }: DiskUsage, short: boolean): Promise<Row[]> {
  const sizes = new Map(containers.map(({ container, size }) => [container.id, size]));
  const listed = containers.map(({ container }) => container);
  const rows = await rowsOf(listed, short, ({ id }) => humanSize(sizes.get(id)!, 3));
  // Copied, so that lazily computed columns are part of its JSON.
  return rows.map((row) => ({ ...row }));
}

function volumeRows({ volumes }: DiskUsage): Row[] {
  return volumes.map(({ volume: { name, labels = {} }, links, size }) => ({
    Driver: "local",
    Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort().join(","),
    Links: String(links),
    Mountpoint: mountpointOf(name),
    Name: name,
    Scope: "local",
    Size: humanSize(size),
  }));
}
