// images: what there is to run, newest first.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { CommandError } from "../cli/error.ts";
import { parseFilters } from "../cli/filter.ts";
import { formatRows } from "../cli/format.ts";
import { humanAgo, humanSize, shortId } from "../cli/human.ts";
import { print } from "../cli/output.ts";
import { failingWith1 } from "../image/failure.ts";
import { createdAt, type ListedImage, listImages, parseFilter, referencePattern } from "../image/list.ts";
import { findImage } from "../image/store.ts";

export const spec: CommandSpec = {
  name: "images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  aliases: ["image ls", "image list"],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Show untagged images that others were made from, too" },
    { name: "digests", kind: "bool", help: "Show digests" },
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help: "Show only some: before=, dangling=, label=, reference=, since=",
    },
    { name: "format", kind: "string", help: "Format with a Go template, 'table TEMPLATE' or 'json'" },
    { name: "no-trunc", kind: "bool", help: "Do not shorten anything" },
    { name: "quiet", short: "q", kind: "bool", help: "Show IDs only" },
  ],
  args: [0, 1],
};

/** Titles of the columns, by the names --format has for them. */
export const TITLES: Record<string, string> = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  Containers: "CONTAINERS",
};
const NONE = "<none>";

export function run(parsed: Parsed): Promise<number> {
  parseFilters(parsed.list("filter"), "-f, --filter", ["before", "dangling", "label", "reference", "since"]);
  return failingWith1(() => {
    const rows = chosen(parsed).flatMap(({ image, tags }) => {
      return (tags.length > 0 ? tags : [`${NONE}:${NONE}`]).map((tag) =>
        row(image, tag, parsed.bool("no-trunc"))
      );
    });
    print(formatRows(formatOf(parsed), TITLES, rows));
    return Promise.resolve(0);
  });
}

function formatOf(parsed: Parsed): string {
  const format = parsed.text("format");
  if (format !== undefined && format !== "" && format !== "table") return format;
  if (parsed.bool("quiet")) return "{{.ID}}";
  const columns = [
    "Repository",
    "Tag",
    ...(parsed.bool("digests") ? ["Digest"] : []),
    "ID",
    "CreatedSince",
    "Size",
  ];
  return `table ${columns.map((column) => `{{.${column}}}`).join("\t")}`;
}

/** The images to show, each with those of its tags that are to be shown. */
function chosen(parsed: Parsed): { image: ListedImage; tags: string[] }[] {
  const filters = parsed.list("filter").filter((filter) => filter !== "");
  const patterns = filters.filter((filter) => filter.startsWith("reference="))
    .map((filter) => filter.slice("reference=".length));
  const matches = [...patterns, ...parsed.args].map(referencePattern);
  const dangling = danglingOf(filters);
  const tests = filters.filter((filter) => !/^(reference|dangling)=/.test(filter))
    .map((filter) => parseFilter(filter, (reference) => findImage(reference).config));
  return listImages().filter((image) => tests.every((test) => test(image))).flatMap((image) => {
    if (image.tags.length === 0) {
      const hidden = dangling === false || matches.length > 0 || (image.hasChildren && !parsed.bool("all"));
      return hidden ? [] : [{ image, tags: [] }];
    }
    const tags = matches.length === 0
      ? image.tags
      : image.tags.filter((tag) => matches.some((match) => match(tag)));
    return dangling === true || tags.length === 0 ? [] : [{ image, tags }];
  });
}

/** What --filter dangling= says; undefined where it is not given. */
function danglingOf(filters: string[]): boolean | undefined {
  const values = filters.filter((filter) => filter.startsWith("dangling=")).map((filter) => filter.slice(9));
  const last = values.at(-1)?.toLowerCase();
  if (last === undefined) return undefined;
  if (last === "true" || last === "1") return true;
  if (last === "false" || last === "0") return false;
  throw new CommandError(`Invalid filter 'dangling=${values.at(-1)}'`, 1);
}

/** What is shown of an image under one of its tags. */
export function row({ id, config, size }: ListedImage, tag: string, whole: boolean): Record<string, string> {
  const created = createdAt(config);
  const colon = tag.lastIndexOf(":");
  return {
    ID: whole ? id : shortId(id),
    Repository: tag.slice(0, colon),
    Tag: tag.slice(colon + 1),
    Digest: NONE,
    CreatedSince: humanAgo(Math.max(0, (Date.now() - created) / 1000)),
    CreatedAt: new Date(created).toISOString().replace("T", " ").replace(/\..*/, " +0000 UTC"),
    Size: humanSize(size, 3),
    VirtualSize: humanSize(size),
    SharedSize: "N/A",
    UniqueSize: "N/A",
    Containers: "N/A",
  };
}
