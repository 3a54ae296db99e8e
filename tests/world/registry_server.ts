// A registry of the test's own, which behaves as the test wants it to.

import type { Artifact } from "./registry.ts";

/** What the server was asked. */
export interface Seen {
  method: string;
  path: string;
  range: string | null;
  authorization: string | null;
}

export interface Server extends AsyncDisposable {
  /** "127.0.0.1:PORT" */
  host: string;
  port: number;
  seen: Seen[];
}

/** Answers a request in place of the server, or lets the server do it. */
export type Meddle = (request: Request, path: string) => Response | undefined | Promise<Response | undefined>;

/**
 * Serves artifacts by reference ("app/bb:v1"), unless `meddle` has an answer; with a key and a certificate
 * (PEM), over TLS; on the loopback's address where no other is given.
 */
export function serve(
  artifacts: Record<string, Artifact>,
  meddle: Meddle = () => undefined,
  { hostname = "127.0.0.1", ...tls }: { cert?: string; key?: string; hostname?: string } = {},
): Server {
  const seen: Seen[] = [];
  const abort = new AbortController();
  const server = Deno.serve(
    {
      ...tls as { cert: string; key: string },
      port: 0,
      hostname,
      signal: abort.signal,
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
    },
    async (request) => {
      const path = new URL(request.url).pathname;
      const { method, headers } = request;
      seen.push({ method, path, range: headers.get("range"), authorization: headers.get("authorization") });
      return await meddle(request, path) ?? answer(artifacts, request, path);
    },
  );
  const { port } = server.addr;
  return {
    host: `${hostname}:${port}`,
    port,
    seen,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await server.finished;
    },
  };
}

/** An answer that is an error, as the distribution-spec has it. */
export function refusal(status: number, code: string, message: string, headers: HeadersInit = {}): Response {
  return Response.json({ errors: [{ code, message }] }, { status, headers });
}

function answer(artifacts: Record<string, Artifact>, request: Request, path: string): Response {
  const [, name, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  const own = Object.entries(artifacts).filter(([key]) => key.startsWith(`${name}:`));
  const tagged = artifacts[`${name}:${reference}`]?.top.digest;
  const content = own.map(([, { blobs }]) => blobs.get(tagged ?? reference)).find((found) => found);
  if (!content) return refusal(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN", "not known here");
  const start = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1];
  if (start === undefined) return new Response(content.bytes, { headers: { "content-type": content.type } });
  const { length } = content.bytes;
  return new Response(content.bytes.subarray(Number(start)), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${length - 1}/${length}` },
  });
}

/** A body of these bytes, after which the connection breaks. */
export function cut(bytes: Uint8Array<ArrayBuffer>, init: ResponseInit = {}): Response {
  let sent = false;
  const body = new ReadableStream({
    pull(controller) {
      if (sent) controller.error(new Error("cut"));
      else controller.enqueue(bytes);
      sent = true;
    },
  });
  return new Response(body, init);
}

/** A body of these bytes, after which nothing comes until the other side gives up. */
export function stall(bytes: Uint8Array<ArrayBuffer>): Response {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    pull: () => new Promise(() => {}),
  });
  return new Response(body);
}
