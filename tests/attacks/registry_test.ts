// A registry that means harm to whoever pulls from it: memory, time, tokens, the terminal, services of this
// machine.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { storeOf } from "../world/crash.ts";
import { type Box, requires, test, words } from "../world/world.ts";
import { host, tar } from "../world/images.ts";
import { type Artifact, makeImage, noise } from "../world/registry.ts";
import { type Meddle, refusal, serve, type Server } from "../world/registry_server.ts";

const SOON = { MYDOCKER_PULL_TIMEOUT: "5" };
const MEGABYTE = 1 << 20;

/** A body that begins like this and never ends, as fast as it is taken; tells how much was. */
function endless(beginning: string, sent: { bytes: number }, init: ResponseInit = {}): Response {
  const filling = new TextEncoder().encode("a".repeat(65536));
  let chunk = new TextEncoder().encode(beginning);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      sent.bytes += chunk.length;
      controller.enqueue(chunk);
      chunk = filling;
    },
  });
  return new Response(body, init);
}

/** What a registry answers that wants a token from `realm`. */
function challenge(realm: string): Response {
  return refusal(401, "UNAUTHORIZED", "authentication required", {
    "www-authenticate": `Bearer realm="${realm}",service="s"`,
  });
}

/** The pull fails with one plain line, which is returned, and leaves nothing. */
async function failing(box: Box, name: string, env: Record<string, string> = {}): Promise<string> {
  const before = storeOf(box.root);
  const { code, stdout, stderr } = await box.$(words`pull ${name}`, { env });
  assertEquals(code, 1, stderr);
  assertMatch(stderr, /^mydocker: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,3000}\n$/u);
  assert(!/[^\P{Cc}\n]/u.test(stdout), JSON.stringify(stdout));
  assertEquals(storeOf(box.root), before);
  return stderr;
}

/** An image of one layer. */
function someImage(): Promise<Artifact> {
  return makeImage([{ tar: tar([{ name: "f", data: "from a registry" }]) }]);
}

test("a registry's bodies without an end: each has a limit, and is asked for once", async (box) => {
  const image = await someImage();
  const manifest = JSON.parse(new TextDecoder().decode(image.blobs.get(image.top.digest)!.bytes));
  const sent = { bytes: 0 };
  const bodies: Record<string, () => Response> = {
    token: () => endless('{"token":"', sent),
    denied: () => endless('{"details":"', sent, { status: 403 }),
    [`manifests/huge`]: () => endless('{"schemaVersion":2,"x":"', sent),
    [`manifests/error`]: () => endless('{"errors":[{"message":"', sent, { status: 404 }),
    [manifest.config.digest]: () => endless("{", sent),
    [manifest.layers[0].digest]: () => endless("", sent),
  };
  await using server: Server = serve({ "app:latest": image, "layer:latest": image }, (_, path) => {
    const auth = /^\/v2\/(token|denied)\//.exec(path)?.[1];
    if (auth) return challenge(`http://${server.host}/${auth}`);
    if (path.startsWith("/v2/layer/") && path.endsWith(manifest.config.digest)) return;
    const found = Object.keys(bodies).find((name) => path.endsWith(name));
    return found === undefined ? undefined : bodies[found]();
  });
  const cases: [name: string, asked: string, said: RegExp][] = [
    ["token/app", "/token", /\/token\?\S*": the answer has more than 1048576 bytes/],
    ["denied/app", "/denied", /denied: the registry answered with status 403/],
    ["app:huge", "manifests/huge", /the answer has more than 4194304 bytes/],
    ["app:error", "manifests/error", /answered with status 404/],
    ["app", manifest.config.digest, /verification failed/],
    ["layer", manifest.layers[0].digest, /verification failed/],
  ];
  for (const [name, asked, said] of cases) {
    sent.bytes = 0;
    server.seen.length = 0;
    assertMatch(await failing(box, `${server.host}/${name}`, SOON), said, name);
    assert(sent.bytes < 32 * MEGABYTE, `${name}: ${sent.bytes} bytes were taken`);
    assertEquals(server.seen.filter(({ path }) => path.endsWith(asked)).length, 1, name);
  }
}, { seconds: 240 });

test("a registry's bodies that nobody has to read: they are not", async (box) => {
  const image = await someImage();
  const sent = { bytes: 0 };
  await using server: Server = serve({ "app:latest": image }, (request, path) => {
    if (path === "/token") return Response.json({ token: "t" });
    const location = path.replace("/blobs/", "/elsewhere/");
    if (location !== path) return endless("", sent, { status: 307, headers: { location } });
    if (path.includes("/elsewhere/")) {
      return new Response(image.blobs.get(basename(path))!.bytes);
    }
    if (request.headers.get("authorization") === "Bearer t") return;
    const header = `Bearer realm="http://${server.host}/token"`;
    return endless("", sent, { status: 401, headers: { "www-authenticate": header } });
  });
  await box.ok`pull -q ${server.host}/app`;
  assert(sent.bytes < 64 * MEGABYTE, `${sent.bytes} bytes were taken`);
}, { seconds: 120 });

test("a registry's tags: pages without an end, and as many of them as one likes", async (box) => {
  const sent = { bytes: 0 };
  const names = Array.from({ length: 50_000 }, (_, i) => `${String(i).padStart(100, "t")}`);
  const page = new TextEncoder().encode(JSON.stringify({ name: "many", tags: names }));
  await using server = serve({}, (request, path) => {
    if (path === "/v2/huge/tags/list") return endless('{"tags":["', sent);
    const last = Number(new URL(request.url).searchParams.get("last"));
    sent.bytes += page.length;
    return new Response(page, { headers: { link: `<${path}?last=${last + 1}>; rel="next"` } });
  });
  const huge = await box.$(words`pull -a ${server.host}/huge`, { env: SOON });
  assertMatch(huge.stderr, /^mydocker: [^\n]*the answer has more than \d+ bytes\n$/);
  assert(sent.bytes < 64 * MEGABYTE, `${sent.bytes} bytes were taken`);
  sent.bytes = 0;
  const many = await box.$(words`pull -a ${server.host}/many`, { env: SOON });
  assertEquals(many.code, 1);
  assertMatch(many.stderr, /^mydocker: [^\n]*more than \d+ bytes of tags\n$/);
  assert(sent.bytes < 64 * MEGABYTE, `${sent.bytes} bytes were taken`);
}, { seconds: 240 });

test("a registry that sends a byte now and then: what is small has to come in time", async (box) => {
  const trickle = (beginning: string) => {
    let timer: ReturnType<typeof setInterval>;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(beginning));
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode(" ")), 200);
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(body);
  };
  await using server: Server = serve({}, (_, path) => {
    if (path === "/token") return trickle('{"token":');
    return path.startsWith("/v2/token/") ? challenge(`http://${server.host}/token`) : trickle("{");
  });
  for (const name of ["token/app", "app"]) {
    const stderr = await failing(box, `${server.host}/${name}`, { MYDOCKER_PULL_TIMEOUT: "0.5" });
    assertMatch(stderr, /the answer has not come within \d/);
  }
}, { seconds: 120 });

/** Answers every connection with these bytes, again and again. */
function rawServer(beginning: string, again: string): Disposable & { host: string; sent: { bytes: number } } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sent = { bytes: 0 };
  const write = async (connection: Deno.Conn) => {
    const filling = new TextEncoder().encode(again);
    for (let chunk = new TextEncoder().encode(beginning);; chunk = filling) {
      for (let at = 0; at < chunk.length;) at += await connection.write(chunk.subarray(at));
      sent.bytes += chunk.length;
    }
  };
  (async () => {
    for await (const connection of listener) {
      write(connection).catch(() => {}).finally(() => connection.close()); // until the other side has enough
    }
  })().catch(() => {}); // closed
  const { port } = listener.addr as Deno.NetAddr;
  return { host: `127.0.0.1:${port}`, sent, [Symbol.dispose]: () => listener.close() };
}

test("a registry's headers: without an end, too long, and made to keep a pattern busy", async (box) => {
  for (const header of [`X: ${"x".repeat(1000)}\r\n`, "x".repeat(65536)]) {
    using server = rawServer("HTTP/1.1 200 OK\r\nX: ", header.repeat(20));
    await failing(box, `${server.host}/app`, SOON);
    assert(server.sent.bytes < 64 * MEGABYTE, `${server.sent.bytes} bytes were taken`);
  }
  const long = "<".repeat(200_000);
  await using server: Server = serve({}, (_, path) => {
    if (path.startsWith("/v2/link/")) return Response.json({ tags: [] }, { headers: { link: long } });
    if (path.startsWith("/v2/realm/")) return challenge(`http://${server.host}/${"r".repeat(100_000)}`);
    return new Response(null, { status: 307, headers: { location: `https://127.0.0.1:1/${long}` } });
  });
  const said = /the answer's header "[a-z-]+" has \d+ bytes, more than \d+/;
  assertMatch(await failing(box, `${server.host}/realm/app`, SOON), said);
  assertMatch(await failing(box, `${server.host}/location/app`, SOON), said);
  const link = await box.$(words`pull -a ${server.host}/link/app`, { env: SOON, timeout: 30 });
  assertMatch(link.stderr, said);
}, { seconds: 120 });

test("a registry's tokens: what is none is refused, and never shown", async (box) => {
  const tokens: Record<string, unknown> = {
    number: 5,
    object: { SECRET: "SECRET" },
    empty: "",
    newline: "SECRET\r\nX-Injected: yes",
    escape: "SECRET\x1b]0;owned\x07",
    latin: "SECRETé",
    wide: "SECRET\u{1f600}",
    space: "SECRET SECRET",
    long: "SECRET".repeat(50_000),
  };
  const image = await someImage();
  await using server: Server = serve({}, (request, path) => {
    const kind = /^\/token\/(\w+)/.exec(path)?.[1];
    if (kind !== undefined) return Response.json({ token: tokens[kind] });
    const [, name] = /^\/v2\/(\w+)\//.exec(path)!;
    if (request.headers.get("authorization") === null) {
      return challenge(`http://${server.host}/token/${name}`);
    }
    return new Response(image.blobs.get(image.top.digest)!.bytes);
  });
  for (const kind of Object.keys(tokens)) {
    const stderr = await failing(box, `${server.host}/${kind}`);
    assertMatch(stderr, /the answer has no token|the answer's token is none/, kind);
    assert(!stderr.includes("SECRET"), stderr);
    assertEquals(server.seen.filter(({ authorization }) => authorization !== null).length, 0, kind);
  }
});

test("a registry's words: one plain line, whatever they are", async (box) => {
  const bad = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202eevil\u2028\nmydocker: all is well\r" + "y".repeat(9000);
  const latin = "\x9b31m\x85 red"; // bytes that a header may have
  const config = { mediaType: `a${bad}`, digest: `sha256:${"0".repeat(64)}`, size: 2 };
  const evil: Record<string, () => Response> = {
    code: () => refusal(400, bad, "x"),
    message: () => refusal(400, "UNKNOWN", bad),
    both: () => refusal(404, bad, bad),
    details: () => Response.json({ code: bad, details: bad }, { status: 400 }),
    scheme: () => new Response(null, { status: 401, headers: { "www-authenticate": `N${latin}` } }),
    realm: () => challenge(`no address ${latin}`),
    location: () => new Response(null, { status: 307, headers: { location: `http://[${latin}` } }),
    far: () => new Response(null, { status: 307, headers: { location: `http://far${"x".repeat(9000)}/` } }),
    type: () => Response.json({ config: 0 }, { headers: { "content-type": latin } }),
    mediatype: () => Response.json({ mediaType: bad }),
    config: () => Response.json({ config, layers: [] }),
    digest: () => Response.json({ config: { ...config, digest: bad }, layers: [] }),
    header: () => Response.json({}, { headers: { "docker-content-digest": `sha256:${latin}` } }),
  };
  await using server = serve(
    {
      "os:latest": await makeImage([], { os: bad }),
      "arch:latest": await makeImage([], { architecture: bad }),
    },
    (_, path) => evil[/^\/v2\/(\w+)\//.exec(path)![1]]?.(),
  );
  for (const name of Object.keys(evil)) await failing(box, `${server.host}/${name}`);
  await failing(box, `${server.host}/os`);
  const { stdout } = await box.$`pull --platform linux/amd64 ${server.host}/arch`;
  assert(!/[^\P{Cc}\n]/u.test(stdout), JSON.stringify(stdout));
});

const REMOTE = "192.0.2.9";

/**
 * Serves over TLS at an address that is not the loopback's, as a registry far away does; trusted by the host.
 */
async function serveRemotely(box: Box, meddle: Meddle): Promise<Server> {
  await host("ip", "addr", "replace", `${REMOTE}/32`, "dev", "lo");
  const [key, cert] = ["key", "crt"].map((end) => `${box.dir}/remote.${end}`);
  const names = ["-addext", `subjectAltName=IP:${REMOTE}`, "-addext", "basicConstraints=critical,CA:FALSE"];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=remote"];
  await host("openssl", "req", "-x509", ...made, "-keyout", key, "-out", cert, ...names);
  const pem = { key: Deno.readTextFileSync(key), cert: Deno.readTextFileSync(cert) };
  const server = serve({}, meddle, { ...pem, hostname: REMOTE });
  const trust = `/etc/docker/certs.d/${server.host}`;
  Deno.mkdirSync(trust, { recursive: true });
  Deno.copyFileSync(cert, `${trust}/ca.crt`);
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      Deno.removeSync(trust, { recursive: true });
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a registry far away sends nobody to this machine's own services", async (box) => {
  await using local = serve({}, () => Response.json({ token: "of-this-machine" }));
  const { port } = local;
  const addresses = [`127.0.0.1:${port}`, `localhost:${port}`, `127.1:${port}`, `2130706433:${port}`];
  await using remote = await serveRemotely(box, (_, path) => {
    const [, kind, index] = /^\/v2\/(\w+)\/(\d+)\//.exec(path)!;
    const there = `http://${addresses[Number(index)]}/v2/secret`;
    if (kind === "realm") return challenge(there);
    return new Response(null, { status: 307, headers: { location: there } });
  });
  for (const i of addresses.keys()) {
    for (const kind of ["realm", "redirect"]) {
      const stderr = await failing(box, `${remote.host}/${kind}/${i}`);
      assertMatch(stderr, /refused: plain http is for this machine only, and \S+ is not this machine/);
    }
  }
  const imported = await box.$`import https://${remote.host}/v2/redirect/0/x`;
  assertMatch(imported.stderr, /refused: plain http is for this machine only, and \S+ is not this machine/);
  assertEquals(local.seen, []);
}, await requires("openssl", "ip"));

test("a registry of this machine may have its tokens and blobs at another port of it", async (box) => {
  const image = await someImage();
  await using other = serve({}, (_, path) => {
    if (path === "/token") return Response.json({ token: "t" });
    return new Response(image.blobs.get(path.slice(1))!.bytes);
  });
  await using server = serve({ "app:latest": image }, (request, path) => {
    if (request.headers.get("authorization") === null) {
      return challenge(`http://localhost:${other.port}/token`);
    }
    const digest = /\/blobs\/(.*)/.exec(path)?.[1];
    return digest
      ? new Response(null, { status: 307, headers: { location: `http://${other.host}/${digest}` } })
      : undefined;
  });
  await box.ok`pull -q ${server.host}/app`;
});

test("a registry's layer of xz that wants a gigabyte of memory for it", async (box) => {
  const layer = tar([{ name: "f", data: noise(100_000) }]);
  box.path("layer.tar", layer);
  await host("xz", "-k", "--lzma2=dict=1GiB", `${box.dir}/layer.tar`);
  const image = await makeImage([{ tar: layer, sent: Deno.readFileSync(box.path("layer.tar.xz")) }]);
  await using server = serve({ "app:latest": image });
  assertMatch(await failing(box, `${server.host}/app`), /[Mm]emory usage limit/);
}, await requires("xz"));
