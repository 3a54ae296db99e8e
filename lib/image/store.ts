// Images. images/HEX.json is the configuration; tags/NAME:TAG is a symlink with target HEX. So is
// tags/NAME@DIGEST, which records by which manifest's digest the image came from a registry.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { lock } from "../../ffi/lock.ts";
import { Failure } from "../base/error.ts";
import { emitImage } from "../events/emit.ts";
import { readJson } from "../base/json.ts";
import { beginWork, rootFd, temporaryName } from "../store/root.ts";
import { timestamp } from "../base/time.ts";
import { asImageConfig, configProblem, type ImageConfig } from "./config.ts";
import { formatReference, isImageId, normalize, parseReference } from "../base/reference.ts";

export interface Image {
  /** "sha256:HEX" */
  id: string;
  config: ImageConfig;
  /** The tag it was found by, as "name:tag"; undefined where it was found by ID. */
  reference?: string;
}

/** An image's ID, and the tag that was asked for. The image itself has not been read. */
export interface Resolved {
  hex: string;
  reference?: string;
}

/**
 * Waits for the lock between commands that begin to depend on images or layers ("shared": from the look-up
 * until the dependent is in containers/, images/ or tags/) and commands that remove them ("exclusive").
 * Closing the returned descriptor releases the lock.
 */
export function lockImages(kind: "shared" | "exclusive"): number {
  const fd = file.openat(rootFd(), "images/.lock", file.O_RDWR | file.O_CREAT, 0o600);
  lock(fd, kind);
  return fd;
}

/**
 * The image that the user's text stands for: a tag (":latest" by default) or else an ID or the beginning of
 * one, with or without "sha256:". Throws Failure where there is none or its file is damaged.
 */
export function findImage(reference: string): Image {
  return readResolved(reference, resolveImage(reference));
}

/** Like findImage, but undefined where there is no such image. */
export function findImageIfAny(reference: string): Image | undefined {
  const resolved = resolveIfAny(reference);
  return resolved && readResolved(reference, resolved);
}

function readResolved(reference: string, { hex, reference: tag }: Resolved): Image {
  const config = readImage(hex);
  if (!config) {
    throw new Failure(
      `image ${reference} is damaged: images/${hex}.json is missing or no image configuration; ` +
        `remove it with: mydocker rmi -f ${reference}`,
    );
  }
  return { id: `sha256:${hex}`, config, reference: tag };
}

/** Like findImage, but works on damaged images too. */
function resolveImage(reference: string): Resolved {
  const resolved = resolveIfAny(reference);
  if (!resolved) throw new Failure(`No such image: ${shownReference(reference)}`);
  return resolved;
}

/** Like resolveImage, but undefined where there is no such image. */
export function resolveIfAny(text: string): Resolved | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (hex) return imageExists(hex) ? { hex } : undefined;
  const { name, tag, digest } = normalize(parseReference(text));
  // A digest makes the tag irrelevant.
  const reference = formatReference(digest ? { name, digest } : { name, tag });
  const tagged = readTag(reference);
  if (tagged !== undefined) return { hex: tagged, reference };
  return isImageId(text) ? resolvePrefix(text) : undefined;
}

function resolvePrefix(text: string): Resolved | undefined {
  const prefix = text.replace(/^sha256:/, "");
  const matches = imageIds().filter((hex) => hex.startsWith(prefix));
  if (matches.length > 1) {
    throw new Failure(`No such image: ${shownReference(text)}: ${matches.length} image IDs begin like this`);
  }
  return matches.length === 1 ? { hex: matches[0] } : undefined;
}

/** The name that was looked for, with its tag, as docker shows it. */
export function shownReference(text: string): string {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return text;
  return formatReference(normalize(parseReference(text)));
}

/** The configuration of the image with this ID (hex digits); undefined where it is missing or damaged. */
export function readImage(hex: string): ImageConfig | undefined {
  const config = readJson<unknown>(rootFd(), `images/${hex}.json`);
  return configProblem(config) === undefined ? asImageConfig(config) : undefined;
}

/** Whether there is an image with this ID (hex digits), even if it is damaged. */
export function imageExists(hex: string): boolean {
  return file.statIfAny(rootFd(), `images/${hex}.json`) !== undefined;
}

/** IDs of all images, hex digits, in no order. */
export function imageIds(): string[] {
  return namesIn("images").map((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1]).filter((hex) =>
    hex !== undefined
  );
}

/** Names of everything in a folder of the root directory. */
function namesIn(folder: string): string[] {
  const fd = file.openat(rootFd(), folder, file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(fd).map(({ name }) => name);
  } finally {
    file.close(fd);
  }
}

function tagPath(reference: string): string {
  return `tags/${reference.replaceAll("/", "%2F")}`;
}

/** The ID (hex digits) that "name:tag" stands for; undefined where there is no such tag. */
export function readTag(reference: string): string | undefined {
  try {
    return file.readlinkat(rootFd(), tagPath(reference));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENAMETOOLONG", "EINVAL")) return undefined;
    throw error;
  }
}

/** "sha256:HEX" of the image that the tag `text` stands for; undefined where it is no tag. */
export function tagTarget(text: string): string | undefined {
  try {
    const hex = readTag(formatReference(normalize(parseReference(text))));
    return hex && `sha256:${hex}`;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** All tags ("name:tag", sorted) by the ID (hex digits) they stand for. */
export function tagsByImage(): Map<string, string[]> {
  return referencesByImage((reference) => !isDigestReference(reference));
}

/** Like tagsByImage, for "name@digest". */
export function digestsByImage(): Map<string, string[]> {
  return referencesByImage(isDigestReference);
}

/** Whether a reference of tagsByImage or digestsByImage is "name@digest". */
export function isDigestReference(reference: string): boolean {
  return reference.includes("@");
}

function referencesByImage(wanted: (reference: string) => boolean): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of namesIn("tags").sort()) {
    const reference = name.replaceAll("%2F", "/");
    const hex = wanted(reference) ? readTag(reference) : undefined;
    if (hex !== undefined) found.set(hex, [...found.get(hex) ?? [], reference]);
  }
  return found;
}

/** Tags ("name:tag") that lead to no image: dangling symlinks, and files that are no symlink. */
export function damagedTags(): string[] {
  return namesIn("tags").filter((name) => !name.startsWith(".")).map((name) => name.replaceAll("%2F", "/"))
    .filter((reference) => {
      const hex = readTag(reference);
      return hex === undefined || !imageExists(hex);
    });
}

/**
 * Removes a damaged tag by what a user typed; returns the tag, or undefined where it is not damaged. The
 * caller has the exclusive lock.
 */
export function removeDamagedTag(text: string): string | undefined {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
  const tag = formatReference(normalize(parseReference(text)));
  if (!damagedTags().includes(tag)) return undefined;
  removeTree(rootFd(), tagPath(tag));
  return tag;
}

/** The time when a tag was set, RFC 3339; undefined where there is no such tag. */
export function tagTime(reference: string): string | undefined {
  const modified = file.statIfAny(rootFd(), tagPath(reference))?.modified;
  return modified && timestamp(modified);
}

/**
 * Checks a reference for tagging and returns it as "name:tag". Throws Failure for invalid ones,
 * digests and too long ones.
 */
export function checkTag(text: string): string {
  const reference = normalize(parseReference(text));
  if (reference.digest) throw new Failure("refusing to create a tag with a digest reference");
  const tag = formatReference(reference);
  checkStorable(tag);
  return tag;
}

/**
 * Throws Failure for a reference ("name:tag" or "name@digest") that is too long for a file
 * name.
 */
export function checkStorable(reference: string): void {
  const length = tagPath(reference).length - "tags/".length;
  if (length <= 255) return;
  throw new Failure(
    `image name ${reference} is too long: it takes ${length} bytes of the 255 a file name can have`,
  );
}

/**
 * Sets the tag `reference` (see checkTag), which another image may lose. The caller holds
 * lockImages("shared").
 */
export async function tagImage(hex: string, reference: string): Promise<void> {
  await beginWork();
  refer(hex, [reference]);
  emitImage({ id: `sha256:${hex}`, labels: readImage(hex)?.config?.Labels }, "tag", reference);
}

/**
 * Makes references ("name:tag", "name@digest", see checkStorable) stand for the image, without an event. The
 * caller holds lockImages("shared"), and has called beginWork.
 */
export function refer(hex: string, references: string[]): void {
  for (const reference of references) {
    const temporary = temporaryName("tag");
    file.symlinkat(hex, rootFd(), temporary);
    file.renameat2(rootFd(), temporary, rootFd(), tagPath(reference));
  }
}

/** Removes a tag. */
export function untag(reference: string): void {
  file.unlinkat(rootFd(), tagPath(reference));
}
