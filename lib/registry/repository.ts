// From a repository's name to where it is.

import { hasCertificates } from "./certificates.ts";
import { canonicalName, normalize, parseReference, type Reference } from "../base/reference.ts";

export interface Repository {
  /** As users write it: "busybox", "localhost:5000/a/b". */
  name: string;
  /** In full: "docker.io/library/busybox". */
  canonical: string;
  /** The registry by its own name, "docker.io", "localhost:5000": what credentials are kept under. */
  registry: string;
  /** The part of the name that its registry knows: "library/busybox". */
  path: string;
  /** Where its API is, without a closing slash: "https://registry-1.docker.io/v2/library/busybox". */
  url: string;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";

/**
 * Where the repository `name` (as parseReference gives it) is. Registries on this machine are asked in plain
 * http, unless there are certificates for them.
 */
export function repositoryOf(name: string): Repository {
  const canonical = canonicalName(name);
  const slash = canonical.indexOf("/");
  const registry = canonical.slice(0, slash);
  const path = canonical.slice(slash + 1);
  const host = registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry;
  const isPlain = isLoopback(new URL(`http://${host}`).hostname) && !hasCertificates(host);
  return { name, canonical, registry, path, url: `${isPlain ? "http" : "https"}://${host}/v2/${path}` };
}

/** What to pull: with a tag ("latest" where none is given), or a digest, beside which a tag says nothing. */
export function parsePullReference(text: string): Reference {
  const { name, tag, digest } = normalize(parseReference(text));
  return digest ? { name, digest } : { name, tag };
}

/** Whether a host name, as URL.hostname has it, is this machine by definition. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
