import { Failure } from "./error.ts";

/** A parsed image reference. `name` is the familiar form: "busybox", "localhost:5000/a/b". */
export interface Reference {
  name: string;
  tag?: string;
  digest?: string;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const MAX_NAME = 255;

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const NAME = `(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(`^(${NAME})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const DIGEST_LENGTHS: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 };

/**
 * Parses an image reference by the grammar of distribution/reference; no tag is added.
 * Throws a Failure in docker's words ("invalid reference format", "… repository name must be
 * lowercase").
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw new Failure(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [domain, rest] = splitDomain(text);
  const path = rest.split(":", 1)[0];
  // Checked first, because the grammar would only say "invalid". The domain and the tag may have capitals.
  if (path !== path.toLowerCase()) {
    throw new Failure("invalid reference format: repository name must be lowercase");
  }
  const match = REFERENCE.exec(`${domain}/${rest}`);
  if (!match) throw new Failure("invalid reference format");
  const [, name, tag, digest] = match;
  if (name.length > MAX_NAME) {
    throw new Failure(`repository name must not be more than ${MAX_NAME} characters`);
  }
  if (digest) checkDigest(digest);
  return { name: familiarName(name), ...(tag && { tag }), ...(digest && { digest }) };
}

/** The reference with docker's default: tag "latest" if it has neither tag nor digest. */
export function normalize(reference: Reference): Reference {
  return reference.tag || reference.digest ? reference : { ...reference, tag: "latest" };
}

/** A repository name in its short form: "docker.io/library/busybox" and "busybox" both give "busybox". */
export function familiarName(name: string): string {
  const [domain, path] = splitDomain(name);
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const official = path.startsWith(OFFICIAL) && !path.slice(OFFICIAL.length).includes("/");
  return official ? path.slice(OFFICIAL.length) : path;
}

/** A repository name in full, with its registry: "busybox" gives "docker.io/library/busybox". */
export function canonicalName(name: string): string {
  return splitDomain(name).join("/");
}

/** A reference as text: name, ":tag", "@digest". */
export function formatReference({ name, tag, digest }: Reference): string {
  return name + (tag ? `:${tag}` : "") + (digest ? `@${digest}` : "");
}

/**
 * Whether `text` looks like an image ID or the beginning of one, with or without "sha256:". A word such as
 * "cafe" may be a name as well; only the store can tell.
 */
export function isImageId(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{1,64}$/.test(text);
}

/**
 * Splits a name into registry and path. A first component without dot or colon, except "localhost", belongs
 * to the path.
 */
function splitDomain(name: string): [domain: string, path: string] {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash);
  const named = slash >= 0 && (/[.:]/.test(first) || first === "localhost");
  const domain = !named || first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first;
  const path = named ? name.slice(slash + 1) : name;
  return [domain, domain === DEFAULT_DOMAIN && !path.includes("/") ? OFFICIAL + path : path];
}

function checkDigest(digest: string): void {
  const [algorithm, hex] = digest.split(":");
  const length = DIGEST_LENGTHS[algorithm];
  if (!length) throw new Failure("unsupported digest algorithm");
  if (hex.length !== length) throw new Failure("invalid checksum digest length");
  if (hex !== hex.toLowerCase()) throw new Failure("invalid checksum digest format");
}

/** Whether `text` could name an image, by reference or ID. */
export function isReference(text: string): boolean {
  if (isImageId(text)) return true;
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
