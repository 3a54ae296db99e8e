// What a host has that a test needs.

import { BIN } from "./box.ts";
import { debianTar } from "./images.ts";

const FACILITIES: Record<string, () => Promise<string | undefined> | string | undefined> = {
  root: () => Deno.uid() === 0 ? undefined : "needs root",
  debian: async () => (await debianTar()).missing,
  strace: () => program("strace"),
  zstd: () => program("zstd"),
  xz: () => program("xz"),
  bzip2: () => program("bzip2"),
  "docker-registry": () => program("docker-registry"),
  skopeo: () => program("skopeo"),
  openssl: () => program("openssl"),
  htpasswd: () => program("htpasswd"),
  gcc: () => program("gcc"),
  setcap: () => program("setcap"),
  nft: () => program("nft"),
  iptables: () => program("iptables"),
  ip: () => program("ip"),
  setfattr: () => program("setfattr"),
  umoci: () => program("umoci"),
  podman: () => program("podman"),
  dockerd: () => program("dockerd"),
  built: () => BIN.endsWith("/mydocker") ? undefined : "needs the built ./mydocker",
};

/** Too large for CI to install: tests that need them are skipped there as elsewhere. */
const NOT_IN_CI = ["podman", "dockerd"];

async function program(name: string): Promise<string | undefined> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
    .output();
  return success ? undefined : `needs ${name}`;
}

/** What a test needs beyond root; `missing` says why it can't run here. */
export interface Requirements {
  missing?: string;
  /** Also skipped in CI. */
  optional?: boolean;
  /** Seconds the whole test may take. */
  seconds?: number;
}

/**
 * Looks whether the host has all of these; unknown names are a mistake. Without an answer in CI the test
 * fails.
 */
export async function requires(...facilities: string[]): Promise<Requirements> {
  for (const facility of facilities) {
    const check = FACILITIES[facility];
    if (!check) throw new Error(`no such facility: ${facility}`);
    const missing = await check();
    if (missing !== undefined) return { missing, optional: NOT_IN_CI.includes(facility) };
  }
  return {};
}
