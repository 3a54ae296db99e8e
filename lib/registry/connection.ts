// Requests by Deno's fetch: what may be sent to whom, and how long to wait.

import { Failure } from "../base/error.ts";
import { certificatesFor } from "./certificates.ts";
import { BadAnswer } from "./failure.ts";
import { isLoopback } from "./repository.ts";
import type { StallGuard } from "./stall.ts";

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;
/** Longer headers could attack the patterns that parse them: https://owasp.org, "ReDoS". */
const MAX_HEADER = 16384;

/** An answer, and the address it finally came from. */
export interface Answer {
  response: Response;
  url: string;
}

/**
 * Sends a GET and follows redirects. `secret` is the Authorization for `url`'s own host; no other host gets
 * it. `from` is the machine that gave the address, if another did. Answers with an error status are returned.
 * Throws Failure, among them BrokenConnection.
 */
export async function get(
  url: string,
  headers: Record<string, string>,
  secret: string | undefined,
  guard: StallGuard,
  from?: string,
): Promise<Answer> {
  const { origin } = new URL(url);
  let [at, before] = [url, from];
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const own = secret !== undefined && new URL(at).origin === origin;
    const init = {
      headers: { ...headers, "accept-encoding": "identity", ...(own ? { authorization: secret } : {}) },
      redirect: "manual",
    } as const;
    const response = await guard.wait(send(at, init, guard, before), true);
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null) return { response, url: at };
    await response.body?.cancel();
    [at, before] = [URL.parse(location, at)?.href ?? invalidRedirect(at, location), at];
  }
  throw new BadAnswer(`Get "${url}": stopped after ${MAX_REDIRECTS} redirects`);
}

/**
 * Sends one request to an address that `from` gave, if another machine did. Throws Failure where the
 * address is not allowed or the answer's headers are malformed, and what Deno's fetch throws.
 */
export async function send(
  url: string,
  init: RequestInit,
  guard: StallGuard,
  from: string | undefined,
): Promise<Response> {
  checkAddress(url, from);
  const response = await fetch(url, { ...init, signal: guard.signal, client: clientFor(new URL(url).host) });
  for (const [name, { length }] of response.headers) {
    if (length <= MAX_HEADER) continue;
    await response.body?.cancel();
    throw new BadAnswer(
      `Get "${url}": the answer's header "${name}" has ${length} bytes, more than ${MAX_HEADER}`,
    );
  }
  return response;
}

function invalidRedirect(url: string, location: string): never {
  throw new BadAnswer(`Get "${url}": redirected to ${JSON.stringify(location)}, which is no address`);
}

/**
 * Throws unless nobody on the way can read or change what is sent. Services on this machine's loopback trust
 * whoever can reach them, so no other machine's address may lead there.
 */
function checkAddress(url: string, from: string | undefined): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:") return;
  const refusal = `Get "${url}": refused: plain http is for this machine only`;
  if (protocol !== "http:" || !isLoopback(hostname)) throw new BadAnswer(refusal);
  if (from === undefined || isLoopback(new URL(from).hostname)) return;
  throw new BadAnswer(`${refusal}, and ${new URL(from).host} is not this machine`);
}

const clients = new Map<string, Deno.HttpClient>();

/**
 * A client that trusts the certificates docker has for this host (name and port), and uses no proxy for this
 * machine.
 */
function clientFor(host: string): Deno.HttpClient {
  const known = clients.get(host);
  if (known) return known;
  const before = ["NO_PROXY", "DENO_TLS_CA_STORE"].map((name) => [name, Deno.env.get(name)] as const);
  // Deno reads both variables only here; containers get the caller's values.
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
    throw new Failure(`can't use the certificates for ${host}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
