// Docker's credentials: config.json in DOCKER_CONFIG or ~/.docker, and the credential helpers it names.

import { isErrno } from "../../ffi/errno.ts";
import { callerEnvironment } from "../base/environment.ts";
import { Failure } from "../base/error.ts";
import { readInput } from "../cli/input_file.ts";
import { fields, map, text } from "../image/shape.ts";
import { warn } from "../base/notice.ts";

/** User and password, or an identity token that stands for both. */
export type Credentials = { username: string; password: string } | { identity: string };

interface ConfigFile {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

const AUTH = fields({ auth: text, username: text, password: text, identitytoken: text });
const CONFIG = fields({ auths: map(AUTH), credsStore: text, credHelpers: map(text) });

/** The key of docker.io in the file. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
/** The user name that helpers give for identity tokens. */
const IDENTITY = "<token>";

/** The caller's credentials for a registry ("docker.io", "localhost:5000"), if docker has any. */
export async function credentialsFor(registry: string): Promise<Credentials | undefined> {
  const path = `${callerEnvironment("DOCKER_CONFIG") || `${home()}/.docker`}/config.json`;
  const config = readConfig(path);
  const key = registry === "docker.io" ? DOCKER_HUB_KEY : registry;
  const helper = config.credHelpers?.[key] ?? config.credHelpers?.[registry] ?? config.credsStore;
  // With a slash it would be a path from the current directory, where the file's owner may have prepared a
  // program.
  if (helper?.includes("/")) throw new Failure(`${path}: invalid credential helper: ${helper}`);
  const kept = helper ? await askHelper(helper, key, path) : undefined;
  return kept ?? credentialsIn(config, key, path);
}

function home(): string {
  return callerEnvironment("HOME") || "/root";
}

function readConfig(path: string): ConfigFile {
  let problem: string | undefined;
  try {
    const config = JSON.parse(readInput(path));
    problem = CONFIG(config, "");
    if (problem === undefined) return config;
  } catch (error) {
    if (error instanceof Failure && isErrno(error.cause, "ENOENT", "ENOTDIR")) return {};
    // The parser's message quotes the file, which has secrets in it.
    problem = error instanceof SyntaxError ? "it is no JSON" : (error as Error).message;
  }
  warn(`can't use ${path}: ${problem}`);
  return {};
}

function credentialsIn(config: ConfigFile, key: string, path: string): Credentials | undefined {
  const auths = config.auths ?? {};
  const host = (name: string) => name.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const entry = auths[key] ?? Object.entries(auths).find(([name]) => host(name) === host(key))?.[1];
  if (!entry) return undefined;
  if (entry.identitytoken) return { identity: entry.identitytoken };
  if (entry.username && entry.password) return { username: entry.username, password: entry.password };
  if (!entry.auth) return undefined;
  const [username, password] = decode(entry.auth, path).split(/:([^]*)/, 2);
  if (password === undefined) throw new Failure(`${path}: invalid auth for ${key}`);
  return { username, password: password.replace(/\0+$/, "") };
}

function decode(text: string, path: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
  } catch (error) {
    throw new Failure(`${path}: an auth is not base64`, { cause: error });
  }
}

/**
 * https://github.com/docker/docker-credential-helpers: "get" reads the address from stdin and writes JSON.
 */
async function askHelper(name: string, key: string, path: string): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: ["get"],
      env: { HOME: home() },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    warn(`${program}, which ${path} names, is not in $PATH`);
    return undefined;
  }
  const writer = child.stdin.getWriter();
  // A helper need not read all of its input.
  await writer.write(new TextEncoder().encode(key)).then(() => writer.close()).catch(() => {});
  const { success, stdout } = await child.output();
  const text = new TextDecoder().decode(stdout);
  if (!success) {
    if (!/credentials not found/i.test(text)) {
      warn(`${program} has no credentials for ${key}: ${text.trim()}`);
    }
    return undefined;
  }
  return fromHelper(text, program);
}

function fromHelper(text: string, program: string): Credentials | undefined {
  try {
    const { Username: username, Secret: password } = JSON.parse(text);
    if (!username || !password) return undefined;
    return username === IDENTITY ? { identity: password } : { username, password };
  } catch (error) {
    throw new Failure(`${program} did not write JSON`, { cause: error });
  }
}
