// The platform an image was made for, as "os/architecture/variant".

import { Failure } from "../base/error.ts";
import { hostArchitecture } from "./config.ts";
import { processorLevel } from "./processor.ts";

export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
}

const NAMES: Record<string, [architecture: string, variant?: string]> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  i386: ["386"],
  i686: ["386"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** The architectures that docker knows, by Go's names. */
const ARCHITECTURES = new Set(
  ("386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc " +
    "ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm").split(" "),
);

/** The variant of images that name none. */
const VARIANTS: Record<string, string> = { amd64: "v1", arm64: "v8", arm: "v7" };

/**
 * Parses "linux/arm/v7", "linux/arm64" or "arm64"; this machine's platform if `text` is undefined. Throws
 * Failure.
 */
export function parsePlatform(text: string | undefined): Platform {
  if (!text) return { architecture: hostArchitecture(), os: "linux" };
  const parts = text.toLowerCase().split("/");
  const [os, word, given] = parts.length === 1 && parts[0] !== "linux" ? ["linux", ...parts] : parts;
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new Failure(
      `invalid platform ${JSON.stringify(text)}: it must be like linux/amd64 or linux/arm/v7`,
    );
  }
  if (os !== "linux") {
    throw new Failure(`operating system ${JSON.stringify(os)} is not supported: only linux`);
  }
  const [architecture, implied] = word === undefined ? [hostArchitecture()] : NAMES[word] ?? [word];
  if (parts.length === 1 && !ARCHITECTURES.has(architecture)) {
    throw new Failure(
      `error parsing specified platform: ${JSON.stringify(text)}: unknown operating system or architecture`,
    );
  }
  const variant = given ?? implied;
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/** The inverse of parsePlatform. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}

function variantOf({ architecture, variant }: Platform): string {
  return variant || (VARIANTS[architecture] ?? "");
}

/**
 * Rates how well a program for `offered` runs on `wanted`: higher is better, undefined means not at all. A
 * processor runs programs for its predecessors. Where no variant is asked for, the base variant is meant, as
 * in docker; but variants that this machine's processor supports are accepted too.
 */
export function fitness(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  const [most, level] = [variantOf(wanted), variantOf(offered)];
  if (most === level) return Infinity;
  const [asked, number] = [most, level].map((variant) => Number(/^v(\d+)$/.exec(variant)?.[1]));
  const isOurs = !wanted.variant && wanted.architecture === "amd64" && hostArchitecture() === "amd64";
  const limit = isOurs ? processorLevel() : asked;
  return number <= limit ? number : undefined;
}

/**
 * The items that run on `wanted`, the best first; equal ones keep their order. Items without a platform run
 * on any.
 */
export function mostFitting<T extends { platform?: Platform | null }>(wanted: Platform, list: T[]): T[] {
  const rated = list.flatMap((item) => {
    const rating = item.platform ? fitness(wanted, item.platform) : 0;
    return rating === undefined ? [] : [{ item, rating }];
  });
  // Infinity - Infinity would be NaN.
  return rated.sort((a, b) => a.rating === b.rating ? 0 : b.rating - a.rating).map(({ item }) => item);
}
