// images: lists images, newest first.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { type Filters, parseFilters } from "../../cli/filter.ts";
import { formatRows } from "../../cli/format.ts";
import { humanAgo, humanSize, shortId } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import {
  createdAt,
  imageTests,
  type ListedImage,
  listImages,
  NEVER,
  referencePattern,
} from "../../image/list.ts";
import { findImage } from "../../image/store.ts";

export const spec: CommandSpec = {
  name: "images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  aliases: ["image ls", "image list"],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Show all images (default hides intermediate images)" },
    { name: "digests", kind: "bool", help: "Show digests" },
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help: "Filter output based on conditions provided: before=, dangling=, label=, reference= or since=",
    },
    FORMAT_ROWS,
    { name: "no-trunc", kind: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", kind: "bool", help: "Only show image IDs" },
  ],
  args: [0, 1],
};

/** Titles of the columns, by their names in --format. */
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

export async function run(parsed: Parsed): Promise<number> {
  const known = ["before", "dangling", "label", "reference", "since"];
  const filters = parseFilters(parsed.list("filter"), "-f, --filter", known);
  const format = formatOf(parsed);
  const withDigests = parsed.bool("digests") || format.includes(".Digest");
  const rows = chosen(filters, parsed.args, parsed.bool("all")).flatMap((shown) =>
    namesOf(shown, withDigests).map((name) => row(shown.image, name, parsed.bool("no-trunc")))
  );
  print(await formatRows(format, TITLES, rows));
  return 0;
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

/** An image, and those of its references that are shown. */
interface Shown {
  image: ListedImage;
  tags: string[];
  digests: string[];
}

interface Name {
  repository: string;
  tag: string;
  digest: string;
}

/**
 * The names under which an image is listed. A digest has a line of its own if its repository has no tag of
 * the image.
 */
export function namesOf({ tags, digests }: Pick<Shown, "tags" | "digests">, withDigests: boolean): Name[] {
  const split = (reference: string, separator: string) => {
    const at = reference.lastIndexOf(separator);
    return [reference.slice(0, at), reference.slice(at + 1)];
  };
  const byRepository = Map.groupBy(digests.map((digest) => split(digest, "@")), ([repository]) => repository);
  const digestsIn = (repository: string) => byRepository.get(repository)?.map(([, digest]) => digest) ?? [];
  const tagged = tags.map((tag) => split(tag, ":"));
  const untagged = [...byRepository.keys()].filter((repository) =>
    !tagged.some(([own]) => own === repository)
  );
  const names = [...tagged, ...untagged.map((repository) => [repository, NONE])].flatMap(
    ([repository, tag]) => {
      const own = withDigests ? digestsIn(repository) : [];
      return (own.length > 0 ? own : [NONE]).map((digest) => ({ repository, tag, digest }));
    },
  );
  return names.length > 0 ? names : [{ repository: NONE, tag: NONE, digest: NONE }];
}

/** The images to list. */
function chosen(filters: Filters, patterns: string[], all: boolean): Shown[] {
  const matches = [...filters.get("reference") ?? [], ...patterns].map(referencePattern);
  const dangling = danglingOf(filters);
  const tests = imageTests(filters, (reference) => findImage(reference).config);
  return listImages().filter((image) => tests.every((test) => test(image))).flatMap((image) => {
    if (image.tags.length + image.digests.length === 0) {
      const hidden = dangling === false || matches.length > 0 || (image.hasChildren && !all);
      return hidden ? [] : [{ image, tags: [], digests: [] }];
    }
    const shown = (references: string[]) =>
      references.filter((each) => matches.length === 0 || matches.some((match) => match(each)));
    const [tags, digests] = [shown(image.tags), shown(image.digests)];
    const hidden = (dangling === true && tags.length > 0) || tags.length + digests.length === 0;
    return hidden ? [] : [{ image, tags, digests }];
  });
}

/** The value of --filter dangling=; undefined if it is not given. */
function danglingOf(filters: Filters): boolean | undefined {
  const given = filters.get("dangling")?.at(-1);
  const last = given?.toLowerCase();
  if (last === undefined) return undefined;
  if (last === "true" || last === "1") return true;
  if (last === "false" || last === "0") return false;
  throw new Failure(`Invalid filter 'dangling=[${given}]'`);
}

/** The columns of an image under one of its names. */
export function row({ id, config, size }: ListedImage, name: Name, whole: boolean): Record<string, string> {
  const created = createdAt(config);
  return {
    ID: whole ? id : shortId(id),
    Repository: name.repository,
    Tag: name.tag,
    Digest: name.digest,
    CreatedSince: created === NEVER ? "N/A" : humanAgo(Math.max(0, (Date.now() - created) / 1000)),
    CreatedAt: new Date(created).toISOString().replace("T", " ").replace(/\..*/, " +0000 UTC"),
    Size: humanSize(size, 3),
    VirtualSize: humanSize(size),
    SharedSize: "N/A",
    UniqueSize: "N/A",
    Containers: "N/A",
  };
}
