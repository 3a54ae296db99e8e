// Docker's directory of certificates for registries: which authorities to trust, and the client's own. See
// dockerd(8) and https://docs.docker.com/engine/security/certificates/

import { Failure } from "../base/error.ts";
import { readInput } from "../cli/input_file.ts";

const DIRECTORY = "/etc/docker/certs.d";

/** PEM. */
export interface Certificates {
  /** The registry's own authorities: all that end in .crt. */
  caCerts: string[];
  /** The client's certificate and key: NAME.cert and NAME.key. */
  cert?: string;
  key?: string;
}

/** Whether docker has certificates for a host (name, and port if it has one). */
export function hasCertificates(host: string): boolean {
  return namesFor(host).length > 0;
}

/**
 * Docker's certificates for a host. Throws Failure for files that can't be read, and for half a pair.
 */
export function certificatesFor(host: string): Certificates {
  const names = namesFor(host);
  const read = (name: string) => readFile(`${DIRECTORY}/${host}/${name}`);
  const caCerts = names.filter((name) => name.endsWith(".crt")).map(read);
  const [cert] = names.filter((name) => name.endsWith(".cert"));
  const [key] = names.filter((name) => name.endsWith(".key"));
  if (cert === undefined && key === undefined) return { caCerts };
  for (const name of [cert?.replace(/cert$/, "key"), key?.replace(/key$/, "cert")]) {
    if (name === undefined || names.includes(name)) continue;
    const [have, hint] = name.endsWith(".key")
      ? [cert, "; an authority's certificate must end in .crt"]
      : [key, ""];
    throw new Failure(`missing ${name} for ${have} in ${DIRECTORY}/${host}${hint}`);
  }
  return { caCerts, cert: read(cert), key: read(key) };
}

function namesFor(host: string): string[] {
  try {
    return [...Deno.readDirSync(`${DIRECTORY}/${host}`)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw unreadable(`${DIRECTORY}/${host}`, error);
  }
}

function readFile(path: string): string {
  try {
    return readInput(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Failure {
  return new Failure(`can't read ${path}: ${(error as Error).message}`, { cause: error });
}

/**
 * Explains what is wrong with a host's certificate and what to do, from Deno's words ("invalid peer
 * certificate: …").
 */
export function certificateProblem(text: string, host: string): string {
  const problem = /invalid peer certificate: (.*)/.exec(text)?.[1] ?? text;
  if (problem.includes("CaUsedAsEndEntity")) {
    return "x509: the certificate is an authority's own, and can't be a server's: make it with " +
      "openssl req -x509 -addext basicConstraints=critical,CA:FALSE";
  }
  if (problem.includes("UnknownIssuer")) {
    return "x509: certificate signed by unknown authority; " +
      `the certificate of a registry's own authority belongs into ${DIRECTORY}/${host}/ca.crt`;
  }
  if (/received fatal alert: \w*Certificate/.test(problem)) {
    return "remote error: tls: bad certificate; " +
      `what proves to the registry who you are belongs into ${DIRECTORY}/${host}/client.cert and client.key`;
  }
  return `x509: ${problem}`;
}
