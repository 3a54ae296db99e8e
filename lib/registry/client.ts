// A client for one repository of a registry: https://github.com/opencontainers/distribution-spec

import { step } from "../base/debug.ts";
import { authorize } from "./auth.ts";
import { bodyOf, readBody } from "./body.ts";
import { type Answer, get } from "./connection.ts";
import { readFailure } from "./failure.ts";
import type { Repository } from "./repository.ts";
import { retrying } from "./retry.ts";
import { createStallGuard, type StallGuard } from "./stall.ts";

export interface Client {
  repository: Repository;
  /** Fetches a small object below the repository's address, such as "manifests/latest", as a whole. */
  fetch(
    path: string,
    accept: string,
    limit: number,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; headers: Headers; url: string }>;
  /** Opens a large object, whose body is read as a stream. Makes one attempt. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Download>;
}

/** An answer whose body has not been read yet. */
export interface Download {
  status: number;
  headers: Headers;
  /**
   * Yields the body. All chunks share one buffer: use a chunk before asking for the next. Throws
   * BrokenConnection where the body ends too early or stalls.
   */
  chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** Makes a client for a repository, which connects on first use. Its methods throw Failure. */
export function createClient(repository: Repository): Client {
  let authorization: string | undefined;
  let pending: Promise<string> | undefined;
  /** Gets one new token, however many requests wait for it. */
  const renew = async (rejected: string | undefined, header: string, url: string) => {
    if (authorization !== rejected) return;
    pending ??= authorize(repository, header, url).finally(() => pending = undefined);
    authorization = await pending;
  };
  const request = async (
    url: string,
    headers: Record<string, string>,
    guard: StallGuard,
  ): Promise<Answer> => {
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

/** Opens an address that needs no authentication. Makes one attempt; throws Failure. */
export function openURL(url: string): Promise<Download> {
  return openDownload((at, headers, guard) => get(at, headers, undefined, guard), url, {});
}

type Request = (url: string, headers: Record<string, string>, guard: StallGuard) => Promise<Answer>;

/** A path that begins with "/" is relative to the host: a registry's next page. */
function address({ url }: Repository, path: string): string {
  return path.startsWith("/") ? new URL(path, url).href : `${url}/${path}`;
}

async function fetchAll(request: Request, url: string, accept: string, limit: number) {
  const guard = createStallGuard(url);
  const { headers, chunks } = await answered(request, url, { accept }, guard);
  return { bytes: await readBody(chunks(), url, guard, limit), headers, url };
}

function openDownload(
  request: Request,
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<Download> {
  return answered(request, url, headers, createStallGuard(url, signal));
}

/** The answer to a request. Throws if it is an error. */
async function answered(
  request: Request,
  url: string,
  headers: Record<string, string>,
  guard: StallGuard,
): Promise<Download> {
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
