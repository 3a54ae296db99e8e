// Authentication to registries: https://distribution.github.io/distribution/spec/auth/token/

import { Failure } from "../base/error.ts";
import { bodyOf, readBody } from "./body.ts";
import { get, send } from "./connection.ts";
import { type Credentials, credentialsFor } from "./credentials.ts";
import { BadAnswer, readFailure, RegistryError } from "./failure.ts";
import type { Repository } from "./repository.ts";
import { retrying } from "./retry.ts";
import { createStallGuard, type StallGuard } from "./stall.ts";

const MAX_ANSWER = 1 << 20;
/** Characters that a header can carry (RFC 9110, 5.5), and a length that servers accept. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

/** The Authorization value that the WWW-Authenticate of a 401 from `url` asks for. Throws Failure. */
export async function authorize(repository: Repository, header: string, url: string): Promise<string> {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.realm);
  if (!bearer && !challenges.some(({ scheme }) => scheme === "basic")) {
    throw new BadAnswer(`Get "${url}": the registry wants authentication of an unknown kind: ${header}`);
  }
  const credentials = await credentialsFor(repository.registry);
  if (bearer) return `Bearer ${await token(repository, bearer.parameters, credentials, url)}`;
  if (!credentials || "identity" in credentials) {
    throw new Failure(`Get "${url}": no basic auth credentials`);
  }
  return basic(credentials);
}

/** RFC 9110, 11.6.1: one header may have several challenges, and commas separate their parameters, too. */
function parseChallenges(header: string): Challenge[] {
  const found: Challenge[] = [];
  const parts = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([\w-]+)/g;
  for (const [, name, quoted, plain, scheme] of header.matchAll(parts)) {
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else if (found.length > 0) {
      found.at(-1)!.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    }
  }
  return found;
}

function basic({ username, password }: { username: string; password: string }): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

async function token(
  repository: Repository,
  { realm, service, scope }: Record<string, string>,
  credentials: Credentials | undefined,
  from: string,
): Promise<string> {
  const url = URL.parse(realm);
  if (!url) {
    throw new BadAnswer(`${repository.registry} names no address to get a token from: ${realm}`);
  }
  const wanted = { service: service ?? "", scope: scope ?? `repository:${repository.path}:pull` };
  const { token, access_token } = credentials && "identity" in credentials
    ? await post(url.href, { ...wanted, refresh_token: credentials.identity }, from)
    : await ask(url, wanted, credentials, from);
  const found = token || access_token;
  if (typeof found === "string" && TOKEN.test(found)) return found;
  // The message leaves the token out: even an invalid one is a secret.
  throw new BadAnswer(
    found
      ? `Get "${url}": the answer's token is none: it has to be printable ASCII, and not too long`
      : `Get "${url}": the answer has no token`,
  );
}

/** Gets the token by GET, with user and password if there are any. */
function ask(
  url: URL,
  wanted: { service: string; scope: string },
  credentials: { username: string; password: string } | undefined,
  from: string,
): Promise<Record<string, unknown>> {
  if (wanted.service) url.searchParams.set("service", wanted.service);
  for (const scope of wanted.scope.split(" ")) url.searchParams.append("scope", scope);
  if (credentials) url.searchParams.set("account", credentials.username);
  return retrying(async () => {
    const guard = createStallGuard(url.href);
    try {
      const secret = credentials && basic(credentials);
      return await readToken((await get(url.href, {}, secret, guard, from)).response, url.href, guard);
    } finally {
      guard.end();
    }
  });
}

/** Gets the token by an identity token, which `docker login` stores for some registries (OAuth 2). */
async function post(
  url: string,
  wanted: Record<string, string>,
  from: string,
): Promise<Record<string, unknown>> {
  const guard = createStallGuard(url);
  try {
    const body = new URLSearchParams({ ...wanted, grant_type: "refresh_token", client_id: "mydocker" });
    const sent = send(url, { method: "POST", body, redirect: "error" }, guard, from);
    return await readToken(await guard.wait(sent), url, guard);
  } finally {
    guard.end();
  }
}

async function readToken(
  response: Response,
  url: string,
  guard: StallGuard,
): Promise<Record<string, unknown>> {
  if (response.status >= 400) {
    const failure = await guard.wait(readFailure(response, url));
    if (failure.status !== 401) throw failure;
    const { message } = failure;
    throw new RegistryError(`Get "${url}": ${message}`, 401, failure.code);
  }
  const bytes = await readBody(bodyOf(response, url, guard), url, guard, MAX_ANSWER);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    // The parser's own message would show the token.
    throw new BadAnswer(`Get "${url}": the answer is no JSON`);
  }
}
