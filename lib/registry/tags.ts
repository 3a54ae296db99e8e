// Lists the tags of a repository, page by page.

import type { Client } from "./client.ts";
import { BadAnswer } from "./failure.ts";

/** The limit for all pages together. */
const MAX_SIZE = 16 << 20;
const MAX_PAGES = 10_000;

/** All tags of a repository, in the registry's order. Throws Failure. */
export async function listTags(client: Client): Promise<string[]> {
  const tags: string[] = [];
  let path: string | undefined = "tags/list";
  let size = 0;
  for (let pages = 0; path !== undefined; pages++) {
    const { bytes, headers, url } = await client.fetch(path, "application/json", MAX_SIZE);
    size += bytes.length;
    if (size > MAX_SIZE) throw new BadAnswer(`Get "${url}": more than ${MAX_SIZE} bytes of tags`);
    if (pages === MAX_PAGES) throw new BadAnswer(`Get "${url}": more than ${MAX_PAGES} pages of tags`);
    for (const tag of parseTags(bytes, url)) tags.push(tag);
    path = nextPage(headers.get("link"), url);
  }
  return tags;
}

function parseTags(bytes: Uint8Array, url: string): string[] {
  try {
    const { tags } = JSON.parse(new TextDecoder().decode(bytes));
    if (tags === null || tags === undefined) return [];
    if (Array.isArray(tags) && tags.every(isTag)) return tags;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new BadAnswer(`Get "${url}": the answer is no list of tags`);
}

function isTag(value: unknown): value is string {
  return typeof value === "string" && /^\w[\w.-]{0,127}$/.test(value);
}

/**
 * The next page's path, by RFC 8288, of which registries use one form: </v2/NAME/tags/list?last=x>;
 * rel="next". Only the same host is asked.
 */
function nextPage(link: string | null, url: string): string | undefined {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  const next = target === undefined ? null : URL.parse(target, url);
  return next && next.origin === new URL(url).origin ? next.pathname + next.search : undefined;
}
