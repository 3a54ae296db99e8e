// The address of a repository, by its name.

import { hasCertificates } from "./certificates.ts";
import { canonicalName, normalize, parseReference, type Reference } from "../base/reference.ts";

export interface Repository {
  /** As users write it: "busybox", "localhost:5000/a/b". */
  name: string;
  /** In full: "docker.io/library/busybox". */
  canonical: string;
  /** The registry's own name, "docker.io" or "localhost:5000", under which credentials are stored. */
  registry: string;
  /** The name within the registry: "library/busybox". */
  path: string;
  /** The address of its API, without a closing slash: "https://registry-1.docker.io/v2/library/busybox". */
  url: string;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";

/**
 * The repository called `name` (as parseReference gives it). Registries on this machine use plain http,
 * unless there are certificates for them.
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

/** The reference to pull: with a tag ("latest" by default) or a digest, which makes the tag irrelevant. */
export function parsePullReference(text: string): Reference {
  const { name, tag, digest } = normalize(parseReference(text));
  return digest ? { name, digest } : { name, tag };
}

/** Whether a host name, as in URL.hostname, is this machine by definition. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
