// All images, with the facts that lists and inspect show.

import { Failure } from "../base/error.ts";
import { warn } from "../base/notice.ts";
import { type Filters, matchesLabels } from "../cli/filter.ts";
import { layerSize } from "../layer/store.ts";
import { type ImageConfig, layersOf } from "./config.ts";
import { digestsByImage, imageIds, readImage, tagsByImage } from "./store.ts";

export interface ListedImage {
  /** "sha256:HEX" */
  id: string;
  config: ImageConfig;
  /** "name:tag", sorted. */
  tags: string[];
  /** "name@digest", sorted. */
  digests: string[];
  /** Bytes of all files of all layers. */
  size: number;
  /** Whether images were made from it. */
  hasChildren: boolean;
}

/** Bytes of all files of all layers of an image. */
export function imageSize(config: ImageConfig): number {
  return layersOf(config).reduce((sum, hex) => sum + layerSize(hex), 0);
}

/** All images, newest first. Damaged ones are left out, with a warning on stderr. */
export function listImages(): ListedImage[] {
  const tags = tagsByImage();
  const digests = digestsByImage();
  const images: ListedImage[] = [];
  for (const hex of imageIds()) {
    const config = readImage(hex);
    const own = tags.get(hex) ?? [];
    if (config) {
      images.push({
        id: `sha256:${hex}`,
        config,
        tags: own,
        digests: digests.get(hex) ?? [],
        size: imageSize(config),
        hasChildren: false,
      });
    } else warnOfDamage(hex, own);
  }
  const parents = new Set(images.map(({ config }) => config.parent));
  for (const image of images) image.hasChildren = parents.has(image.id);
  const firstTag = ({ tags }: ListedImage) => tags[0] ?? "";
  return images.sort((a, b) =>
    createdAt(b.config) - createdAt(a.config) || (firstTag(a) < firstTag(b) ? -1 : 1)
  );
}

/** The images whose configuration is damaged. */
export function damagedImages(): Pick<ListedImage, "id" | "tags" | "digests">[] {
  const [tags, digests] = [tagsByImage(), digestsByImage()];
  return imageIds().filter((hex) => !readImage(hex)).map((hex) => ({
    id: `sha256:${hex}`,
    tags: tags.get(hex) ?? [],
    digests: digests.get(hex) ?? [],
  }));
}

function warnOfDamage(hex: string, tags: string[]): void {
  const name = tags[0] ?? hex.slice(0, 12);
  warn(`images/${hex}.json is damaged; remove it with: mydocker rmi -f ${name}`);
}

/** Go's zero time in ms since 1970, which docker shows as "created" where no time is known. */
export const NEVER = -62135596800000;

/** Milliseconds since 1970, with a fraction; NEVER where the configuration gives no time. */
export function createdAt(config: { created?: string }): number {
  const match = /^(.*:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(config.created ?? "");
  if (!match) return NEVER;
  return Date.parse(match[1] + match[3]) + Number(match[2] ?? 0) * 1000;
}

/** Tests that an image has to pass for the filters before, label and since; `find` looks up their images. */
export function imageTests(
  filters: Filters,
  find: (reference: string) => ImageConfig,
): ((image: ListedImage) => boolean)[] {
  const moments = (name: string) => filters.get(name)?.map((reference) => createdAt(find(reference))) ?? [];
  return [
    ({ config }) => matchesLabels(config.config?.Labels ?? {}, filters),
    ...moments("before").map((limit) => ({ config }: ListedImage) => createdAt(config) < limit),
    ...moments("since").map((limit) => ({ config }: ListedImage) => createdAt(config) > limit),
  ];
}

/**
 * A test for "name:tag" or "name@digest" by a pattern with *, ? and [] (Go's path.Match, where none of them
 * matches "/"). The pattern may leave the tag out.
 */
export function referencePattern(pattern: string): (tag: string) => boolean {
  const source = pattern.replace(/\\([^])|\[(\^?)([^\]]+)\]|[*?]|[^]/g, (part, escaped, negated, set) => {
    if (set !== undefined) return `[${negated}${set.replace(/[\\[]/g, "\\$&")}]`;
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return (escaped ?? part).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  const whole = compile(source, pattern);
  return (reference) => whole.test(reference) || whole.test(reference.replace(/@.*|:[^:/]*$/, ""));
}

function compile(source: string, pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`);
  } catch (error) {
    throw new Failure(`invalid pattern ${JSON.stringify(pattern)}`, { cause: error });
  }
}
