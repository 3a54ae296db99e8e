// Failures in talking to a registry, in docker's words.

import { Failure } from "../base/error.ts";
import { plain } from "../cli/plain.ts";
import { certificateProblem } from "./certificates.ts";

// Text from another machine appears in errors as one plain line only. These three classes see to that, so no
// other errors may contain such text.

/** An answer that is wrong and would be wrong again. */
export class BadAnswer extends Failure {
  constructor(message: string, options?: ErrorOptions) {
    super(plain(message), options);
  }
}

/** A connection that could not be made, or broke; another attempt may succeed. */
export class BrokenConnection extends Failure {
  constructor(
    message: string,
    /** No use to try at once. */ readonly definite = false,
    options?: ErrorOptions,
  ) {
    super(plain(message), options);
  }
}

/** An answer that is an error. */
export class RegistryError extends Failure {
  constructor(
    message: string,
    readonly status: number,
    /** The code of the distribution specification: "MANIFEST_UNKNOWN". */
    readonly code: string,
    /** Seconds that the registry asks to wait, if it does. */
    readonly retryAfter?: number,
  ) {
    super(plain(message));
  }
}

/**
 * The error for a request without an answer, derived from the message of Deno's fetch, which has no error
 * codes.
 */
export function connectionFailure(error: unknown, url: string): Error {
  if (error instanceof Failure || !(error instanceof Error)) return error as Error;
  const { host, hostname, protocol } = new URL(url);
  const address = /:\d+$/.test(host) ? host : `${host}:${protocol === "http:" ? 80 : 443}`;
  const text = error.cause instanceof Error ? error.cause.message : error.message;
  const failure = (why: string, definite: boolean) =>
    new BrokenConnection(`Get "${url}": ${why}`, definite, { cause: error });
  if (/dns error/.test(text)) return failure(`dial tcp: lookup ${hostname}: no such host`, true);
  if (/Connection refused/.test(text)) {
    return failure(`dial tcp ${address}: connect: connection refused`, true);
  }
  if (/InvalidContentType|corrupt message/.test(text)) {
    return failure(
      "http: server gave HTTP response to HTTPS client (plain http is for this machine only)",
      true,
    );
  }
  if (/UnknownIssuer|certificate/i.test(text)) {
    return failure(certificateProblem(text, host), true);
  }
  if (/invalid HTTP version/.test(text)) {
    return failure(
      "the server speaks no plain http, in which registries on this machine are asked " +
        `unless /etc/docker/certs.d/${host} is there`,
      true,
    );
  }
  return failure(text.replace(/^error sending request .*?: (?=client error)/, ""), /blocked/.test(text));
}

/** Reads an answer with a status of 400 or more, and consumes its body. */
export async function readFailure(response: Response, url: string): Promise<RegistryError> {
  const { status } = response;
  const retryAfter = parseRetryAfter(response.headers.get("retry-after"));
  const text = await beginningOf(response);
  const first = firstError(text);
  const code = first?.code || defaultCode(status);
  const words = code === "" ? "" : `${code.toLowerCase().replaceAll("_", " ")}: `;
  const message = first?.message ?? (code === "UNAUTHORIZED" ? "authentication required" : undefined);
  return message === undefined
    ? new RegistryError(
      `Get "${url}": ${words}the registry answered with status ${status}`,
      status,
      code,
      retryAfter,
    )
    : new RegistryError(words + message, status, code, retryAfter);
}

function defaultCode(status: number): string {
  return { 401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS" }[status] ?? "";
}

/** Reads only as much of an error page as one line needs. */
async function beginningOf(response: Response): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.length > 65536) break;
    }
  } catch {
    // The status alone has to do.
  }
  return text;
}

/** OCI distribution-spec, "Error Codes". Some registries send messages that are not text. */
function firstError(text: string): { code: string; message: string } | undefined {
  try {
    const body = JSON.parse(text);
    const { code, message } = body.errors?.[0] ?? { code: body.code, message: body.details ?? body.message };
    if (typeof code !== "string" && typeof message !== "string") return undefined;
    const [name, words] = [code, message].map((text) => typeof text === "string" ? text : "");
    return { code: /^\w{1,64}$/.test(name) ? name : "", message: words || plain(name, 100) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** RFC 9110: seconds, or a date. */
function parseRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}
