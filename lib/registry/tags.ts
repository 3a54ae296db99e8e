import { CommandError } from "../cli/error.ts";
import type { Client } from "./client.ts";

const MAX_SIZE = 16 << 20;
const MAX_PAGES = 10_000;

/** All tags of a repository, in the registry's order. Throws CommandError. */
export async function listTags(client: Client): Promise<string[]> {
  const tags: string[] = [];
  let path: string | undefined = "tags/list";
  for (let pages = 0; path !== undefined && pages < MAX_PAGES; pages++) {
    const { bytes, headers, url } = await client.fetch(path, "application/json", MAX_SIZE);
    tags.push(...parseTags(bytes, url));
    path = nextPage(headers.get("link"), url);
  }
  return tags;
}

function parseTags(bytes: Uint8Array, url: string): string[] {
  try {
    const { tags } = JSON.parse(new TextDecoder().decode(bytes));
    if (tags === null || tags === undefined) return [];
    if (Array.isArray(tags) && tags.every((tag) => /^\w[\w.-]{0,127}$/.test(tag))) return tags;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new CommandError(`Get "${url}": the answer is no list of tags`, 1);
}

/** RFC 8288, of which registries use one form: </v2/NAME/tags/list?last=x>; rel="next". Only the same host is asked. */
function nextPage(link: string | null, url: string): string | undefined {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  const next = target === undefined ? null : URL.parse(target, url);
  return next && next.origin === new URL(url).origin ? next.pathname + next.search : undefined;
}
