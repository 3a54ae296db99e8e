// pull over TLS, with docker's certs.d; and docker's identity tokens.

import { assertEquals, assertMatch } from "@std/assert";
import { type Box, requires, test, words } from "../world/world.ts";
import { host, tar } from "../world/images.ts";
import { makeImage, startRegistry } from "../world/registry.ts";
import { refusal, serve } from "../world/registry_server.ts";

const needs = await requires("docker-registry", "skopeo", "openssl");

const someImage = () => makeImage([{ tar: tar([{ name: "f", data: "over TLS" }]) }]);

/** A key and a certificate that it has signed itself: NAME.key and NAME.crt in the box's directory. */
async function selfSigned(box: Box, name: string, ...extensions: string[]): Promise<string> {
  const added = extensions.flatMap((extension) => ["-addext", extension]);
  const path = `${box.dir}/${name}`;
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const files = ["-keyout", `${path}.key`, "-out", `${path}.crt`];
  await host("openssl", "req", "-x509", ...made, ...files, "-subj", `/CN=${name}`, ...added);
  return path;
}

const LEAF = "basicConstraints=critical,CA:FALSE";

/** docker's directory for a registry, for as long as it is in use. No other test has the port. */
class CertsDirectory {
  readonly path: string;
  constructor(registry: string) {
    this.path = `/etc/docker/certs.d/${registry}`;
    Deno.mkdirSync(this.path, { recursive: true });
  }
  add(from: string, name: string) {
    Deno.copyFileSync(from, `${this.path}/${name}`);
  }
  [Symbol.dispose]() {
    Deno.removeSync(this.path, { recursive: true });
  }
}

test("pull: from docker-registry with TLS, trusted and not", async (box) => {
  const path = await selfSigned(box, "server", "subjectAltName=IP:127.0.0.1", LEAF);
  const other = await selfSigned(box, "other", LEAF);
  const tls = { certificate: `${path}.crt`, key: `${path}.key` };
  await using registry = await startRegistry(box, { http: { addr: "127.0.0.1:0", tls } });
  await registry.push(await someImage(), "app");
  const pull = () => box.$`pull -q ${registry.host}/app`;
  const plain = await pull();
  assertEquals(plain.code, 1);
  assertMatch(plain.stderr, /^mydocker: .*(plain http|HTTP request to an HTTPS server|status 400)[^\n]*\n$/);
  using certificates = new CertsDirectory(registry.host);
  certificates.add(`${other}.crt`, "ca.crt");
  const untrusted = await pull();
  assertEquals(untrusted.code, 1);
  assertMatch(
    untrusted.stderr,
    /^mydocker: Get "https:[^"]*": x509: certificate signed by unknown authority; .* \/etc\/docker\/certs\.d\/127\.0\.0\.1:\d+\/ca\.crt\n$/,
  );
  certificates.add(`${path}.crt`, "ca.crt");
  assertEquals(await pull(), {
    code: 0,
    stdout: `${registry.host}/app:latest\n`,
    stderr: "",
    out: new TextEncoder().encode(`${registry.host}/app:latest\n`),
  });
}, needs);

test("pull: certificates that are no server's, or another's", async (box) => {
  for (
    const [name, extensions, words] of [
      ["authority", ["subjectAltName=IP:127.0.0.1"], /is an authority's own, and can't be a server's/],
      ["elsewhere", ["subjectAltName=DNS:elsewhere.example", LEAF], /not valid for name/],
    ] as const
  ) {
    const path = await selfSigned(box, name, ...extensions);
    await using server = serve({}, undefined, {
      cert: Deno.readTextFileSync(`${path}.crt`),
      key: Deno.readTextFileSync(`${path}.key`),
    });
    using certificates = new CertsDirectory(server.host);
    certificates.add(`${path}.crt`, "ca.crt");
    const { code, stderr } = await box.$`pull ${server.host}/app`;
    assertEquals(code, 1);
    assertMatch(stderr, words);
  }
}, needs);

test("pull: a registry that wants to see the client's certificate", async (box) => {
  const path = await selfSigned(box, "server", "subjectAltName=IP:127.0.0.1", LEAF);
  const client = await selfSigned(box, "client");
  const tls = { certificate: `${path}.crt`, key: `${path}.key`, clientcas: [`${client}.crt`] };
  await using registry = await startRegistry(box, { http: { addr: "127.0.0.1:0", tls } });
  using certificates = new CertsDirectory(registry.host);
  certificates.add(`${path}.crt`, "ca.crt");
  const pull = () => box.$`pull ${registry.host}/app`;
  const without = await pull();
  assertEquals(without.code, 1);
  // With TLS 1.3 the request may be on its way when the server closes, and the pipe breaks before its reason
  // is read.
  assertMatch(
    without.stderr,
    /(remote error: tls: bad certificate; .* \/etc\/docker\/certs\.d\/.*\/client\.cert|broken pipe)/,
  );
  certificates.add(`${client}.crt`, "client.cert");
  const half = await pull();
  assertEquals(half.code, 1);
  assertMatch(half.stderr, /^mydocker: missing client\.key for client\.cert in /);
  certificates.add(`${client}.key`, "client.key");
  assertMatch((await pull()).stderr, /manifest for .* not found: manifest unknown/);
}, needs);

test("pull: an identity token is changed for one that lasts a while", async (box) => {
  const asked: { method: string; form: Record<string, string> }[] = [];
  await using server: ReturnType<typeof serve> = serve(
    { "app:latest": await someImage() },
    async (request, path) => {
      if (path === "/token") {
        const form = Object.fromEntries(new URLSearchParams(await request.text()));
        asked.push({ method: request.method, form });
        if (form.refresh_token !== "for ever") return refusal(401, "UNAUTHORIZED", "no such token");
        return Response.json({ access_token: "short", expires_in: 60 });
      }
      if (request.headers.get("authorization") === "Bearer short") return;
      const challenge =
        `Bearer realm="http://${server.host}/token",service="registry",scope="repository:app:pull"`;
      return refusal(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": challenge });
    },
  );
  const env = { DOCKER_CONFIG: box.dir };
  const login = (identitytoken: string) =>
    box.path(
      "config.json",
      JSON.stringify({ auths: { [server.host]: { auth: btoa("<token>:"), identitytoken } } }),
    );
  login("for ever");
  await box.ok(words`pull -q ${server.host}/app`, { env });
  assertEquals(asked, [{
    method: "POST",
    form: {
      grant_type: "refresh_token",
      refresh_token: "for ever",
      service: "registry",
      scope: "repository:app:pull",
      client_id: "mydocker",
    },
  }]);
  login("revoked");
  const { code, stderr } = await box.$(words`pull ${server.host}/app`, { env });
  assertEquals(code, 1);
  assertMatch(stderr, /\/token": unauthorized: no such token\n$/);
});
