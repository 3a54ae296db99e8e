// Requests over Deno's fetch: to whom what may be sent, and how long to wait.

import { CommandError } from "../cli/error.ts";
import { certificatesFor } from "./certificates.ts";
import { BrokenConnection, connectionFailure } from "./failure.ts";
import { isLoopback } from "./repository.ts";

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;
const DEFAULT_PATIENCE = 20;

/** An answer, and the address it came from in the end. */
export interface Answer {
  response: Response;
  url: string;
}

/** Seconds without a byte after which a connection counts as broken. */
function patience(): number {
  const text = Deno.env.get("MYDOCKER_PULL_TIMEOUT");
  if (!text) return DEFAULT_PATIENCE;
  const seconds = Number(text);
  if (!(seconds > 0)) {
    throw new CommandError(`MYDOCKER_PULL_TIMEOUT=${text}: it must be a number of seconds`, 1);
  }
  return seconds;
}

/**
 * A controller that `signal` aborts, and a way to wait for something that is aborted with it when it takes too long.
 */
export function createStallGuard(url: string, signal?: AbortSignal) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal!.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const seconds = patience();
  return {
    signal: controller.signal,
    /** `first`: nothing has come from there yet, so it is not asked again at once. */
    async wait<T>(work: Promise<T>, first = false): Promise<T> {
      const timer = setTimeout(() => {
        controller.abort(new BrokenConnection(`Get "${url}": nothing came for ${seconds} seconds`, first));
      }, seconds * 1000);
      try {
        return await work;
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : connectionFailure(error, url);
      } finally {
        clearTimeout(timer);
      }
    },
    /** To be called always. */
    end: () => signal?.removeEventListener("abort", abort),
  };
}

/**
 * Sends a GET and follows redirects. `secret` is the Authorization for `url`'s own host; no other gets it. Throws
 * BrokenConnection; an answer with whatever status is an answer.
 */
export async function get(
  url: string,
  headers: Record<string, string>,
  secret: string | undefined,
  guard: ReturnType<typeof createStallGuard>,
): Promise<Answer> {
  const { origin } = new URL(url);
  let at = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    checkScheme(at);
    const own = secret !== undefined && new URL(at).origin === origin;
    const response = await guard.wait(
      fetch(at, {
        headers: { ...headers, "accept-encoding": "identity", ...(own ? { authorization: secret } : {}) },
        redirect: "manual",
        signal: guard.signal,
        client: clientFor(new URL(at).host),
      }),
      true,
    );
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null) return { response, url: at };
    await response.body?.cancel();
    at = URL.parse(location, at)?.href ?? invalidRedirect(at, location);
  }
  throw new CommandError(`Get "${url}": stopped after ${MAX_REDIRECTS} redirects`, 1);
}

function invalidRedirect(url: string, location: string): never {
  throw new CommandError(`Get "${url}": redirected to ${JSON.stringify(location)}, which is no address`, 1);
}

/** Throws CommandError unless others on the way can neither read nor change what is sent. */
export function checkScheme(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname))) return;
  throw new CommandError(`Get "${url}": refused: plain http is for this machine only`, 1);
}

const clients = new Map<string, Deno.HttpClient>();

/** Trusts what docker is told to trust for this host (name and port), and goes to this machine without a proxy. */
export function clientFor(host: string): Deno.HttpClient {
  const known = clients.get(host);
  if (known) return known;
  const before = ["NO_PROXY", "DENO_TLS_CA_STORE"].map((name) => [name, Deno.env.get(name)] as const);
  // Deno reads both only here; what containers get of them is the caller's.
  Deno.env.set("NO_PROXY", [Deno.env.get("NO_PROXY"), "localhost,127.0.0.0/8,::1"].filter(Boolean).join(","));
  if (!Deno.env.get("DENO_TLS_CA_STORE")) Deno.env.set("DENO_TLS_CA_STORE", "system,mozilla");
  try {
    const client = createClient(host);
    clients.set(host, client);
    return client;
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }
}

function createClient(host: string): Deno.HttpClient {
  const { caCerts, cert, key } = certificatesFor(host);
  try {
    return Deno.createHttpClient(cert && key ? { caCerts, cert, key } : { caCerts });
  } catch (error) {
    throw new CommandError(`can't use the certificates for ${host}: ${(error as Error).message}`, 1, {
      cause: error,
    });
  }
}
