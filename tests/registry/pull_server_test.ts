// pull from servers that cut, stall, lie, redirect, and want to be left alone.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, words } from "../world/world.ts";
import { tar } from "../world/images.ts";
import {
  type Artifact,
  gzip,
  jsonBytes,
  makeImage,
  makeIndex,
  noise,
  sha256,
  TYPES,
} from "../world/registry.ts";
import { cut, refusal, type Seen, serve, stall } from "../world/registry_server.ts";

const PATIENCE = { MYDOCKER_PULL_TIMEOUT: "1" };

/** An image of one layer with a file of a megabyte that does not compress, and the digest of that layer. */
async function bigImage(): Promise<{ image: Artifact; layer: string; bytes: Uint8Array<ArrayBuffer> }> {
  const data = String.fromCharCode(...noise(65536).map((byte) => 32 + byte % 90)).repeat(16);
  const archive = tar([{ name: "big", data }]);
  const image = await makeImage([{ tar: archive, sent: archive }]);
  return { image, layer: await sha256(archive), bytes: archive };
}

const blobs = (seen: Seen[], digest: string) => seen.filter(({ path }) => path.endsWith(digest));

/** The pull fails with words that match, and the store is as before. */
async function assertPullFails(box: Box, name: string, said: RegExp, env: Record<string, string> = {}) {
  const store = () =>
    ["images", "layers", "tags", "tmp"].map((folder) =>
      [...Deno.readDirSync(`${box.root}/${folder}`)].map(({ name }) => name).sort()
    );
  const before = store();
  const { code, stderr } = await box.$(words`pull ${name}`, { env });
  assertEquals(code, 1, stderr);
  assertMatch(stderr, said);
  assertMatch(stderr, /^mydocker: [^\n]*\n$/);
  assertEquals(store(), before);
}

test("pull: goes on where the connection broke, again and again", async (box) => {
  const { image, layer, bytes } = await bigImage();
  await using server = serve({ "app:latest": image }, (request, path) => {
    if (!path.endsWith(layer)) return;
    const start = Number(/\d+/.exec(request.headers.get("range") ?? "0")![0]);
    const end = start + 300_000;
    if (end >= bytes.length) return;
    if (start === 0) return cut(bytes.subarray(0, end));
    const headers = { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    return cut(bytes.subarray(start, end), { status: 206, headers });
  });
  await box.ok`pull -q ${server.host}/app`;
  const ranges = blobs(server.seen, layer).map(({ range }) => range);
  assertEquals(ranges.length >= 4, true, `${ranges}`);
  assertEquals(ranges[0], null);
  assertEquals(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range!)), true, `${ranges}`);
  await box.ok`create ${server.host}/app`;
});

test("pull: a server without ranges sends the layer again from its start", async (box) => {
  const { image, layer, bytes } = await bigImage();
  let requests = 0;
  await using server = serve({ "app:latest": image }, (_, path) => {
    if (!path.endsWith(layer)) return;
    return ++requests < 3 ? cut(bytes.subarray(0, requests * 200_000)) : new Response(bytes);
  });
  await box.ok`pull -q ${server.host}/app`;
  assertEquals(requests, 3);
});

test("pull: a layer put together from two different answers is fetched once more", async (box) => {
  const { image, layer, bytes } = await bigImage();
  let requests = 0;
  await using server = serve({ "app:latest": image }, (_, path) => {
    if (!path.endsWith(layer)) return;
    const wrong = bytes.slice(0, 200_000);
    wrong[100_000] ^= 1;
    return ++requests === 1 ? cut(wrong) : undefined;
  });
  await box.ok`pull -q ${server.host}/app`;
  assertEquals(requests, 3);
});

test("pull: a server that cuts for ever, and a second try when it is well", async (box) => {
  const { image, layer, bytes } = await bigImage();
  let ill = true;
  await using server = serve({ "app:latest": image }, (_, path) => {
    if (ill && path.endsWith(layer)) return cut(bytes.subarray(0, 10));
  });
  await assertPullFails(box, `${server.host}/app`, /error reading a body|connection|unexpected end/);
  assertEquals(blobs(server.seen, layer).length, 6);
  ill = false;
  await box.ok`pull ${server.host}/app`;
  await box.ok`create ${server.host}/app`;
});

test("pull: a server that stalls, before its answer and in the middle of it", async (box) => {
  const { image, layer, bytes } = await bigImage();
  let requests = 0;
  await using server = serve({ "app:latest": image, "silent:latest": image }, (_, path) => {
    if (path.startsWith("/v2/silent/")) return new Promise(() => {});
    if (path.endsWith(layer) && ++requests === 1) return stall(bytes.subarray(0, 100_000));
  });
  await box.ok(words`pull -q ${server.host}/app`, { env: PATIENCE });
  assertEquals(blobs(server.seen, layer).map(({ range }) => range), [null, "bytes=100000-"]);
  await assertPullFails(box, `${server.host}/silent`, /nothing came for 1 seconds/, PATIENCE);
});

test("pull: what is not what its digest says", async (box) => {
  const { image, layer, bytes } = await bigImage();
  const wrong = bytes.slice();
  wrong[700_000] ^= 1;
  const gzipped = await gzip(tar([{ name: "f", data: "x".repeat(5000) }]));
  const damaged = await makeImage([{ tar: tar([{ name: "f", data: "x".repeat(5000) }]), sent: gzipped }]);
  const lied = await makeImage([{ tar: tar([]), sent: await gzip(tar([{ name: "other" }])) }]);
  const noArchive = await makeImage([{ tar: noise(4096), sent: noise(4096) }]);
  const images = {
    image,
    damaged,
    lied,
    noarchive: noArchive,
    long: image,
    short: image,
    manifest: image,
    config: image,
  };
  const config = [...image.blobs].find(([, { type }]) => type === TYPES.config)![0];
  const artifacts = Object.fromEntries(
    Object.entries(images).map(([name, each]) => [`${name}:latest`, each]),
  );
  await using server = serve(artifacts, (_, path) => {
    if (path === `/v2/image/blobs/${layer}`) return new Response(wrong);
    if (path === `/v2/long/blobs/${layer}`) return new Response(new Blob([bytes, "more"]));
    if (path === `/v2/short/blobs/${layer}`) return new Response(bytes.subarray(0, -1024));
    if (path === `/v2/config/blobs/${config}`) {
      return new Response("x".repeat(image.blobs.get(config)!.bytes.length));
    }
    if (path.startsWith("/v2/manifest/manifests/")) {
      return new Response("{}", { headers: { "docker-content-digest": image.top.digest } });
    }
    if (path.startsWith("/v2/damaged/blobs/") && path.endsWith([...damaged.blobs.keys()][0])) {
      const bad = gzipped.slice();
      bad[10] ^= 0xff;
      return new Response(bad);
    }
  });
  const verification = /filesystem layer verification failed for digest sha256:[0-9a-f]{64}\n/;
  for (const name of ["image", "damaged", "long", "config"]) {
    await assertPullFails(box, `${server.host}/${name}`, verification);
  }
  await assertPullFails(box, `${server.host}/short`, /unexpected end after \d+ of \d+ bytes/);
  await assertPullFails(box, `${server.host}/manifest`, /manifest verification failed for digest sha256:/);
  await assertPullFails(
    box,
    `${server.host}/lied`,
    /its contents are sha256:.*the image's configuration says/,
  );
  await assertPullFails(
    box,
    `${server.host}/noarchive`,
    /failed to register layer [0-9a-f]{12}: .*archive|tar/,
  );
  assertEquals((await box.$`images -q`).stdout.split("\n").length, 2);
}, { seconds: 60 });

test("pull: one bad layer of many ends them all, and nothing is left", async (box) => {
  const layers = [1, 2, 3, 4, 5, 6].map((n) => ({ tar: tar([{ name: `f${n}`, data: `${n}` }]) }));
  const image = await makeImage(layers);
  const fourth = [...image.blobs.keys()][3];
  let ill = true;
  let slow = 0;
  await using server = serve({ "app:latest": image }, (_, path) => {
    if (ill && path.endsWith(fourth)) return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry");
    if (ill && path.includes("/blobs/") && ++slow === 3) return stall(new Uint8Array(10));
  });
  await assertPullFails(box, `${server.host}/app`, /blob unknown: blob unknown to registry/);
  ill = false;
  await box.ok`pull ${server.host}/app`;
  assertEquals((await box.inspect(`${server.host}/app`)).RootFS.Layers.length, 6);
});

test("pull: three layers at a time", async (box) => {
  const layers = [1, 2, 3, 4, 5, 6, 7].map((n) => ({ tar: tar([{ name: `f${n}`, data: `${n}` }]) }));
  const image = await makeImage(layers);
  let [now, most] = [0, 0];
  let third = () => {};
  const all = new Promise<void>((resolve) => third = resolve);
  const isLayer = (path: string) => image.blobs.get(basename(path))?.type === `${TYPES.layer}+gzip`;
  await using server = serve({ "app:latest": image }, async (_, path) => {
    if (!isLayer(path)) return;
    most = Math.max(most, ++now);
    if (now === 3) third();
    await all;
    now--;
    return undefined;
  });
  await box.ok`pull -q ${server.host}/app`;
  assertEquals(most, 3);
});

test("pull: blobs elsewhere, where the credentials must not go", async (box) => {
  const { image } = await bigImage();
  await using store = serve({ "app:latest": image });
  await using server = serve({ "app:latest": image }, (request, path) => {
    if (request.headers.get("authorization") === null) {
      return refusal(401, "UNAUTHORIZED", "authentication required", {
        "www-authenticate": 'Basic realm="x"',
      });
    }
    // The same machine by its other name: another origin.
    if (path.includes("/blobs/")) return Response.redirect(`http://localhost:${store.port}${path}`, 307);
  });
  const auth = btoa("me:secret");
  box.path("config.json", JSON.stringify({ auths: { [server.host]: { auth } } }));
  await box.ok(words`pull -q ${server.host}/app`, { env: { DOCKER_CONFIG: box.dir } });
  assertEquals(store.seen.length, 2);
  assertEquals(store.seen.map(({ authorization }) => authorization), [null, null]);
  assertEquals(server.seen.slice(1).every(({ authorization }) => authorization === `Basic ${auth}`), true);
});

test("pull: redirects without an end, without an address, and to plain http", async (box) => {
  await using server = serve({}, (_, path) => {
    const to = path.includes("/loop/") ? path : path.includes("/plain/") ? "http://192.0.2.1/x" : "http://[";
    return new Response(null, { status: 307, headers: { location: to } });
  });
  await assertPullFails(box, `${server.host}/loop`, /stopped after 10 redirects/);
  await assertPullFails(box, `${server.host}/plain`, /"http:\/\/192\.0\.2\.1\/x": refused: plain http/);
  await assertPullFails(box, `${server.host}/none`, /redirected to "http:\/\/\[", which is no address/);
});

test("pull: a registry that wants to be left alone for a while", async (box) => {
  const { image } = await bigImage();
  let busy = 0;
  const limit = "You have reached your pull rate limit";
  await using server = serve({ "app:latest": image }, (_, path) => {
    if (path.startsWith("/v2/limit/")) return refusal(429, "TOOMANYREQUESTS", limit);
    if (path.startsWith("/v2/long/")) {
      return refusal(429, "TOOMANYREQUESTS", limit, { "retry-after": "3600" });
    }
    if (++busy % 2 === 1) return refusal(429, "TOOMANYREQUESTS", limit, { "retry-after": "1" });
  });
  const begun = performance.now();
  await box.ok`pull -q ${server.host}/app`;
  assert(performance.now() - begun >= 3000, "each of three waits for a second");
  await assertPullFails(
    box,
    `${server.host}/limit`,
    /^mydocker: toomanyrequests: You have reached your pull rate limit\n/,
  );
  await assertPullFails(box, `${server.host}/long`, /^mydocker: toomanyrequests: /);
});

test("pull: 401 whatever is sent", async (box) => {
  await using server: ReturnType<typeof serve> = serve({}, (_, path) => {
    if (path === "/token") return Response.json({ token: "t" });
    const realm = `http://127.0.0.1:${server.port}/token`;
    const header = path.includes("/odd/") ? "Negotiate" : `Bearer realm="${realm}",service="s"`;
    return refusal(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": header });
  });
  await assertPullFails(box, `${server.host}/app`, /^mydocker: unauthorized: authentication required\n/);
  assertEquals(server.seen.length, 3);
  assertEquals(server.seen.map(({ authorization }) => authorization), [null, null, "Bearer t"]);
  await assertPullFails(box, `${server.host}/odd`, /authentication of an unknown kind: Negotiate/);
});

test("pull: manifests that are none, and of what is no image", async (box) => {
  const index = await makeIndex({ "linux/s390x": await makeImage([]), "windows/amd64": await makeImage([]) });
  const answers: Record<string, [type: string, body: unknown]> = {
    schema1: ["application/vnd.docker.distribution.manifest.v1+prettyjws", {
      schemaVersion: 1,
      fsLayers: [],
    }],
    chart: [TYPES.manifest, {
      schemaVersion: 2,
      config: {
        mediaType: "application/vnd.cncf.helm.config.v1+json",
        digest: `sha256:${"0".repeat(64)}`,
        size: 2,
      },
      layers: [],
    }],
    text: ["text/html", "<html>"],
    traversal: [TYPES.manifest, {
      schemaVersion: 2,
      config: { mediaType: TYPES.config, digest: "sha256:../../../etc/passwd", size: 2 },
      layers: [],
    }],
  };
  await using server = serve({ "other:latest": index }, (_, path) => {
    const [type, body] = answers[path.split("/")[2]] ?? [];
    return type ? new Response(jsonBytes(body), { headers: { "content-type": type } }) : undefined;
  });
  await assertPullFails(
    box,
    `${server.host}/schema1`,
    /manifest of the old schema 1, which is not supported/,
  );
  await assertPullFails(
    box,
    `${server.host}/chart`,
    /is no image: its configuration is application\/vnd\.cncf\.helm/,
  );
  await assertPullFails(
    box,
    `${server.host}/text`,
    /unsupported manifest media type|no JSON|it must be an object/,
  );
  await assertPullFails(box, `${server.host}/traversal`, /config\.digest must be a SHA-256 digest/);
  await assertPullFails(
    box,
    `${server.host}/other`,
    /no matching manifest for linux\/[a-z0-9]+ in the manifest list/,
  );
  await assertPullFails(
    box,
    `${server.host}/nosuch:v1`,
    /^mydocker: manifest for 127\.0\.0\.1:\d+\/nosuch:v1 not found: manifest unknown: not known here\n/,
  );
});

test("pull: hosts that are not there", async (box) => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assertPullFails(
    box,
    `127.0.0.1:${port}/app`,
    /dial tcp 127\.0\.0\.1:\d+: connect: connection refused/,
  );
  await assertPullFails(box, "nosuch.invalid/app", /dial tcp: lookup nosuch\.invalid: no such host/);
  const { code, stderr } = await box.$`run --rm 127.0.0.1:${port}/app true`;
  assertEquals(code, 125);
  assertMatch(
    stderr,
    /^Unable to find image '127\.0\.0\.1:\d+\/app:latest' locally\nmydocker: .*connection refused\n$/,
  );
  assertEquals((await box.$`pull UPPER/x`).code, 1);
});

test("run and create: mistakes are said before anything is pulled", async (box) => {
  await using server = serve({});
  const cidfile = box.path("cid", "another's");
  for (
    const [flags, said] of [
      [["--cidfile", cidfile], /container ID file found, make sure the other container isn't running/],
      [
        ["--cidfile", "/no/such/cid"],
        /container ID file: open \/no\/such\/cid: no such file or directory\n/,
      ],
      [["--name", "a/b"], /Invalid container name \(a\/b\)/],
      [["-w", "relative"], /the working directory 'relative' is invalid/],
      [["-v", "relative/path:/x"], /relative\/path/],
      [["--env-file", "/no/such"], /\/no\/such/],
      [["--restart", "sometimes"], /restart policy/],
    ] as [string[], RegExp][]
  ) {
    for (const command of ["run", "create"]) {
      const { code, stderr } = await box.$`${command} ${flags} ${server.host}/app true`;
      assertMatch(stderr, said);
      assertEquals([code, stderr.split("\n").length], [125, 2], `${command} ${flags}: ${stderr}`);
    }
  }
  assertEquals(server.seen, []);
  assertEquals(Deno.readTextFileSync(cidfile), "another's");
  // A pipe can be read once only: it is not looked at before it is needed.
  const image = await makeImage([{ tar: tar([]) }], { config: { Cmd: ["sh"] } });
  await using full = serve({ "app:latest": image });
  await box.exec`sh -c 'echo A=b | "$0" create --name piped --env-file /dev/stdin "$1"' ${BIN}
    ${full.host}/app`;
  assertEquals((await box.inspect("piped")).Config.Env.includes("A=b"), true);
});
