// One repository of a registry: https://github.com/opencontainers/distribution-spec

import { CommandError } from "../cli/error.ts";
import { step } from "../cli/debug.ts";
import { authorize } from "./auth.ts";
import { type Answer, createStallGuard, get } from "./connection.ts";
import { BrokenConnection, readFailure } from "./failure.ts";
import type { Repository } from "./repository.ts";
import { retrying } from "./retry.ts";

export interface Client {
  repository: Repository;
  /** All of a small thing below the repository's address, such as "manifests/latest". */
  fetch(
    path: string,
    accept: string,
    limit: number,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; headers: Headers; url: string }>;
  /** The body of a large thing as it arrives, with status and headers. One attempt. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Download>;
}

/** An answer whose body is still to come. */
export interface Download {
  status: number;
  headers: Headers;
  /**
   * All chunks are the same memory: done with one, ask for the next. Throws BrokenConnection where the body ends too
   * early, or nothing comes for long.
   */
  chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

const BUFFER = 1 << 18;

/** A client for a repository; it connects when it is first asked. Its methods throw CommandErrors. */
export function createClient(repository: Repository): Client {
  let authorization: string | undefined;
  let pending: Promise<string> | undefined;
  /** Gets a token once, however many wait for one. */
  const renew = async (rejected: string | undefined, header: string, url: string) => {
    if (authorization !== rejected) return;
    pending ??= authorize(repository, header, url).finally(() => pending = undefined);
    authorization = await pending;
  };
  const request = async (url: string, headers: Record<string, string>, guard: Guard): Promise<Answer> => {
    const used = authorization;
    const answer = await get(url, headers, used, guard);
    const header = answer.response.headers.get("www-authenticate");
    const own = new URL(answer.url).origin === new URL(url).origin;
    if (answer.response.status !== 401 || header === null || !own) return answer;
    await answer.response.body?.cancel();
    await renew(used, header, url);
    return await get(url, headers, authorization, guard);
  };
  return {
    repository,
    fetch: (path, accept, limit) =>
      retrying(() => fetchAll(request, address(repository, path), accept, limit)),
    open: (path, headers, signal) => openDownload(request, address(repository, path), headers, signal),
  };
}

/** What any address gives to everybody. One attempt; throws CommandError. */
export function openURL(url: string): Promise<Download> {
  return openDownload((at, headers, guard) => get(at, headers, undefined, guard), url, {});
}

type Guard = ReturnType<typeof createStallGuard>;
type Request = (url: string, headers: Record<string, string>, guard: Guard) => Promise<Answer>;

/** A path that begins with "/" is the host's: a registry's next page. */
function address({ url }: Repository, path: string): string {
  return path.startsWith("/") ? new URL(path, url).href : `${url}/${path}`;
}

async function fetchAll(request: Request, url: string, accept: string, limit: number) {
  const download = await openDownload(request, url, { accept });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of download.chunks()) {
    size += chunk.length;
    if (size > limit) throw new CommandError(`Get "${url}": the answer has more than ${limit} bytes`, 1);
    chunks.push(chunk.slice());
  }
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return { bytes, headers: download.headers, url };
}

async function openDownload(
  request: Request,
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<Download> {
  const guard = createStallGuard(url, signal);
  try {
    const { response, url: from } = await request(url, headers, guard);
    step(`GET ${url}: ${response.status}`);
    if (response.status >= 400) throw await guard.wait(readFailure(response, url));
    return {
      status: response.status,
      headers: response.headers,
      chunks: () => bodyOf(response, from, guard),
    };
  } catch (error) {
    guard.end();
    throw error;
  }
}

/** One buffer for all: what fetch allocates for each chunk is collected too late, and would add up to 100 MB. */
async function* bodyOf(
  response: Response,
  url: string,
  guard: Guard,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return guard.end();
  const reader = response.body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(BUFFER);
  try {
    for (;;) {
      const { value, done } = await guard.wait(reader.read(new Uint8Array(buffer)));
      if (done) return;
      yield value;
      buffer = value.buffer;
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new BrokenConnection(`Get "${url}": ${(error as Error).message}`, false, { cause: error });
  } finally {
    guard.end();
    await reader.cancel().catch(() => {}); // what broke is broken
  }
}
