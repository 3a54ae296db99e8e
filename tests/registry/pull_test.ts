// pull, and the pulling that run and create do, from Debian's docker-registry, filled by skopeo.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, requires, test, words } from "../world/world.ts";
import { busyboxTar, host, tar } from "../world/images.ts";
import { type Artifact, makeImage, makeIndex, startRegistry } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

const needs = await requires("docker-registry", "skopeo", "htpasswd");
const needsZstd = await requires("docker-registry", "skopeo", "zstd");

/** busybox, and a layer with a file that says `text`. */
async function busyboxImage(text = "hello", changes: Record<string, unknown> = {}, docker = false) {
  const base = Deno.readFileSync(await busyboxTar());
  return await makeImage(
    [{ tar: base }, { tar: tar([{ name: "hello", data: `${text}\n` }]) }],
    changes,
    docker,
  );
}

/** One for linux/amd64, linux/arm64 and two of linux/arm, which say what they are. */
async function everyPlatform(docker = false): Promise<Artifact> {
  const images: Record<string, Artifact> = {};
  for (const platform of ["linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/arm64/v8"]) {
    const [os, architecture, variant] = platform.split("/");
    const layer = { tar: tar([{ name: "platform", data: platform }]) };
    images[platform] = await makeImage([layer], { os, architecture, variant }, docker);
  }
  return await makeIndex(images, docker);
}

const repoDigests = async (box: Box, name: string) => (await box.inspect(name)).RepoDigests;

test("pull: an image of two layers, and what it says", async (box) => {
  await using registry = await startRegistry(box);
  const image = await busyboxImage();
  await registry.push(image, "app/bb");
  const name = `${registry.host}/app/bb`;
  const first = await box.$`pull ${name}`;
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(first.stdout.match(/^[0-9a-f]{12}: Pull complete$/gm)?.length, 1); // busybox is there already
  assertEquals(first.stdout.match(/^[0-9a-f]{12}: Already exists$/gm)?.length, 1);
  assertMatch(first.stdout, /^Using default tag: latest\nlatest: Pulling from app\/bb\n/);
  const end =
    `Digest: ${image.top.digest}\nStatus: Downloaded newer image for ${name}:latest\n${name}:latest\n`;
  assertEquals(first.stdout.slice(-end.length), end);
  assertEquals(await box.ok`run --rm ${name} cat /hello`, "hello");
  assertEquals((await box.ok`pull ${name}:latest`).split("\n"), [
    "latest: Pulling from app/bb",
    `Digest: ${image.top.digest}`,
    `Status: Image is up to date for ${name}:latest`,
    `${name}:latest`,
  ]);
  assertEquals(await box.ok`pull -q ${name}`, `${name}:latest`);
  const events = await box.ok`events --since 0 --until 0s --filter event=pull`;
  assertEquals(events.split("\n").length, 3);
  assertMatch(events, new RegExp(`image pull ${name}:latest \\(name=${name}\\)`));
}, needs);

test("pull: docker's own manifests, and every compression", async (box) => {
  await using registry = await startRegistry(box);
  const plain = tar([{ name: "plain", data: "p" }]);
  const zipped = tar([{ name: "zipped", data: "z" }]);
  const tarball = box.path("z.tar", zipped);
  await host("zstd", "-q", tarball);
  const sent = Deno.readFileSync(`${tarball}.zst`);
  await registry.push(await makeImage([{ tar: plain, sent: plain }, { tar: zipped, sent }]), "some:all");
  await registry.push(await busyboxImage("docker", {}, true), "some:docker");
  await box.ok`pull -q ${registry.host}/some:all`;
  assertEquals((await box.inspect(`${registry.host}/some:all`)).RootFS.Layers.length, 2);
  await box.ok`pull -q ${registry.host}/some:docker`;
  assertEquals(await box.ok`run --rm ${registry.host}/some:docker cat /hello`, "docker");
}, needsZstd);

test("pull: of many platforms this one, or the one asked for", async (box) => {
  await using registry = await startRegistry(box);
  for (const docker of [false, true]) {
    const index = await everyPlatform(docker);
    await registry.push(index, "many:v1");
    const name = `${registry.host}/many:v1`;
    for (
      const [flag, architecture, variant] of [
        [undefined, Deno.build.arch === "aarch64" ? "arm64" : "amd64", undefined],
        ["linux/arm64", "arm64", "v8"],
        ["linux/arm/v6", "arm", "v6"],
        ["arm", "arm", "v7"],
        ["linux/arm/v8", "arm", "v7"],
      ]
    ) {
      const out = await box.ok`pull ${flag ? ["--platform", flag] : []} ${name}`;
      assertMatch(out, new RegExp(`^Digest: ${index.top.digest}$`, "m"));
      const { Architecture, Variant } = await box.inspect(name);
      assertEquals([Architecture, flag && Variant], [architecture, variant], flag);
    }
    const { code, stderr } = await box.$`pull --platform linux/s390x ${name}`;
    assertEquals(code, 1);
    assertMatch(stderr, /no matching manifest for linux\/s390x in the manifest list entries/);
  }
  await registry.push(await busyboxImage(), "one");
  const { stdout } = await box.$`pull --platform linux/s390x ${registry.host}/one`;
  assertMatch(
    stdout,
    /WARNING: .* does not match the specified platform: wanted linux\/s390x, actual: linux\//,
  );
}, needs);

test("pull: by digest, and what images, inspect and rmi make of digests", async (box) => {
  await using registry = await startRegistry(box);
  const [one, two] = [await busyboxImage("one"), await busyboxImage("two")];
  const name = `${registry.host}/app`;
  await registry.push(one, "app:v1");
  const digest = `${name}@${one.top.digest}`;
  const out = await box.ok`pull ${name}:whatever@${one.top.digest}`;
  assertMatch(out, new RegExp(`^${one.top.digest}: Pulling from app\n`));
  assertEquals(out.split("\n").slice(-2), [`Status: Downloaded newer image for ${digest}`, digest]);
  assertEquals(await box.ok`run --rm ${digest} cat /hello`, "one");
  const rows = async (...flags: string[]) =>
    (await box.ok`images --format '{{.Repository}} {{.Tag}} {{.Digest}}' ${flags} ${name}`).split(
      "\n",
    );
  assertEquals(await rows(), [`${name} <none> ${one.top.digest}`]);
  await box.ok`pull -q ${name}:v1`;
  await box.ok`tag ${name}:v1 other`;
  assertEquals(await rows(), [`${name} v1 ${one.top.digest}`]);
  assertEquals(await repoDigests(box, "other"), [digest]);
  assertMatch(await box.ok`images --digests`, /REPOSITORY +TAG +DIGEST +IMAGE ID/);
  assertMatch(
    (await box.$`run --pull never ${name}@${two.top.digest}`).stderr,
    /No such image: /,
  );
  // A tag that moves leaves the image its digest.
  await registry.push(two, "app:v1");
  await box.ok`rmi other`;
  await box.ok`pull -q ${name}:v1`;
  assertEquals((await rows()).sort(), [`${name} <none> ${one.top.digest}`, `${name} v1 ${two.top.digest}`]);
  assertMatch(await box.ok`rmi ${digest}`, new RegExp(`^Untagged: ${digest}\nDeleted: sha256:`));
  const gone = await box.ok`rmi ${name}:v1`;
  assertMatch(
    gone,
    new RegExp(`^Untagged: ${name}:v1\nUntagged: ${name}@${two.top.digest}\nDeleted: sha256:`),
  );
}, needs);

test("rmi: by ID, with a tag and the digest it came by; and digests of two repositories", async (box) => {
  await using registry = await startRegistry(box);
  const image = await busyboxImage();
  for (const name of ["a:v1", "b:v1"]) await registry.push(image, name);
  await box.ok`pull -q ${registry.host}/a:v1`;
  const id = (await box.inspect(`${registry.host}/a:v1`)).Id;
  await box.ok`rmi ${id}`;
  for (const name of ["a:v1", "b:v1"]) await box.ok`pull -q ${registry.host}/${name}`;
  assertEquals((await repoDigests(box, id)).length, 2);
  const { code, stderr } = await box.$`rmi ${id}`;
  assertEquals(code, 1);
  assertMatch(stderr, /image is referenced in multiple repositories/);
  assertEquals((await box.ok`rmi ${registry.host}/a:v1`).split("\n").length, 2);
  assertEquals(await box.ok`run --rm ${registry.host}/b:v1 cat /hello`, "hello");
}, needs);

test("pull -a: all tags", async (box) => {
  await using registry = await startRegistry(box);
  const tags = ["v1", "v2", "v3"];
  for (const tag of tags) await registry.push(await busyboxImage(tag), `app:${tag}`);
  const name = `${registry.host}/app`;
  const out = await box.ok`pull -a ${name}`;
  for (const tag of tags) assertMatch(out, new RegExp(`^${tag}: Pulling from app$`, "m"));
  assertEquals(out.split("\n").slice(-2), [`Status: Downloaded newer image for ${name}`, name]);
  for (const tag of tags) assertEquals(await box.ok`run --rm ${name}:${tag} cat /hello`, tag);
  assertMatch((await box.$`pull -a ${name}:v1`).stderr, /tag can't be used with --all-tags/);
  const { code, stderr } = await box.$`pull -a ${registry.host}/nosuch`;
  assertEquals(code, 1);
  assertMatch(stderr, /^mydocker: .*name unknown: repository name not known to registry\n$/);
}, needs);

test("pull: basic authentication, from docker's config.json and from a helper", async (box) => {
  const htpasswd = box.path("htpasswd", await host("htpasswd", "-nbB", "me", "secret:word"));
  const auth = { htpasswd: { realm: "basic-realm", path: htpasswd } };
  await using registry = await startRegistry(box, { auth });
  await registry.push(await busyboxImage(), "app", "me:secret:word");
  const name = `${registry.host}/app`;
  const pull = (env: Record<string, string>) => box.$(words`pull -q ${name}`, { env });
  const anonymous = await pull({ HOME: `${box.dir}/nowhere` });
  assertEquals(anonymous.code, 1);
  assertMatch(anonymous.stderr, /^mydocker: Get "http:.*": no basic auth credentials\n$/);

  const config = (value: unknown) => box.path("config.json", JSON.stringify(value));
  const here = { DOCKER_CONFIG: box.dir };
  config({ auths: { [registry.host]: { auth: btoa("me:wrong") } } });
  const wrong = await pull(here);
  assertEquals(wrong.code, 1);
  assertMatch(wrong.stderr, /^mydocker: unauthorized: authentication required\n$/);
  config({ auths: { [`http://${registry.host}/v1/`]: { auth: btoa("me:secret:word") } } });
  assertEquals((await pull(here)).code, 0);
  await box.ok`rmi ${name}`;

  Deno.mkdirSync(`${box.dir}/.docker`);
  Deno.renameSync(`${box.dir}/config.json`, `${box.dir}/.docker/config.json`);
  assertEquals((await pull({ HOME: box.dir })).code, 0);
  await box.ok`rmi ${name}`;

  const answer = JSON.stringify({ Username: "me", Secret: "secret:word" });
  box.path(
    "docker-credential-test",
    `#!/bin/sh\n[ "$1 $(cat)" = "get ${registry.host}" ] && echo '${answer}'\n`,
    0o755,
  );
  config({ credHelpers: { [registry.host]: "test" } });
  const PATH = `${box.dir}:${Deno.env.get("PATH")}`;
  const { code, stderr } = await pull({ ...here, PATH });
  assertEquals([code, stderr], [0, ""]);
  config({ credsStore: "nosuch" });
  const missing = await box.$(words`pull -q ${name}`, { env: here });
  assertEquals(missing.code, 1);
  assertMatch(
    missing.stderr,
    /warning: docker-credential-nosuch, which .*config\.json names, is not in \$PATH/,
  );
}, needs);

test("pull: token authentication, anonymous, by password, and with a token that expires", async (box) => {
  const image = await busyboxImage();
  const asked: { url: URL; authorization: string | null }[] = [];
  let tokens = 0;
  await using server: ReturnType<typeof serve> = serve(
    { "app:latest": image, "secret/app:latest": image },
    (request, path) => {
      const authorization = request.headers.get("authorization");
      const url = new URL(request.url);
      if (path === "/token") {
        asked.push({ url, authorization });
        const secret = url.searchParams.get("scope")!.includes("secret/");
        if (secret && authorization !== `Basic ${btoa("me:pass")}`) {
          return Response.json({ details: "incorrect username or password" }, { status: 401 });
        }
        return Response.json({ [tokens % 2 ? "token" : "access_token"]: `t${++tokens}` });
      }
      // Each token is good for two requests.
      const good = authorization === `Bearer t${tokens}` &&
        server.seen.filter((seen) => seen.authorization === authorization).length <= 2;
      const scope = `repository:${/^\/v2\/(.*)\/(?:manifests|blobs)\//.exec(path)![1]}:pull`;
      const challenge =
        `Bearer realm="http://${server.host}/token?x=1",service="the, registry",scope="${scope}"`;
      if (!good) return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    },
  );
  await box.ok`pull -q ${server.host}/app`;
  assert(asked.length >= 2, `${asked.length} tokens`);
  assertEquals(asked[0].url.search, "?x=1&service=the%2C+registry&scope=repository%3Aapp%3Apull");
  assertEquals(asked[0].authorization, null);
  const refused = await box.$`pull ${server.host}/secret/app`;
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /\/token\?.*": unauthorized: incorrect username or password\n$/);
  box.path("config.json", JSON.stringify({ auths: { [server.host]: { username: "me", password: "pass" } } }));
  await box.ok(words`pull -q ${server.host}/secret/app`, { env: { DOCKER_CONFIG: box.dir } });
  assertEquals(asked.at(-1)!.url.searchParams.get("account"), "me");
});

test(
  "run: flags are read once, and files that they name, whether or not the image is to be pulled",
  async (box) => {
    await using registry = await startRegistry(box);
    await registry.push(await busyboxImage("one"), "app");
    const name = `${registry.host}/app`;
    const warned = await box.$`run --rm --network host -p 80:80 --pull always ${name} true`;
    assertEquals([warned.code, warned.stderr.match(/WARNING: [^\n]*/g)], [
      0,
      ["WARNING: Published ports are discarded when using host network mode"],
    ]);
    // What comes out of a pipe comes once.
    const script = 'rm -f p; mkfifo p; echo A=1 >p & "$0" run --rm --pull always --env-file p "$1" env';
    const piped = await box.exec`sh -c ${script} ${BIN} ${name}`;
    assertEquals([piped.code, piped.stdout.split("\n").includes("A=1")], [0, true], piped.stderr);
    // The mistake is said before minutes are spent on pulling.
    const refused = await box.exec`sh -c 'echo =x >p & "$0" run --rm --env-file p "$1/nosuch" env' ${BIN}
      ${registry.host}`;
    assertEquals([refused.code, refused.stderr], [
      125,
      "mydocker: invalid env file (p): no variable name on line '=x'\n",
    ]);
  },
  needs,
);

test("run and create pull what is missing", async (box) => {
  await using registry = await startRegistry(box);
  await registry.push(await busyboxImage("one"), "app");
  const name = `${registry.host}/app`;
  const never = await box.$`run --pull never ${name} true`;
  assertEquals([never.code, never.stderr], [125, `mydocker: No such image: ${name}:latest\n`]);
  const cidfile = `${box.dir}/cid`;
  const first = await box.$`run --rm --cidfile ${cidfile} ${name} cat /hello`;
  assertEquals([first.code, first.stdout], [0, "one\n"]);
  assertMatch(
    first.stderr,
    new RegExp(`^Unable to find image '${name}:latest' locally\nlatest: Pulling from app\n`),
  );
  assertMatch(first.stderr, new RegExp(`\nStatus: Downloaded newer image for ${name}:latest\n$`));
  const second = await box.$`run --rm ${name} cat /hello`;
  assertEquals([second.stdout, second.stderr], ["one\n", ""]);
  await registry.push(await busyboxImage("two"), "app");
  assertEquals(await box.ok`run --rm ${name} cat /hello`, "one");
  const always = await box.$`run --rm --pull always ${name} cat /hello`;
  assertEquals([always.code, always.stdout], [0, "two\n"]);
  assert(!always.stderr.includes("Unable to find"), always.stderr);
  await registry.push(await busyboxImage("three"), "app:v3");
  const created = await box.$`create -q --name made ${name}:v3 cat /hello`;
  assertEquals([created.code, created.stderr], [0, ""]);
  assertMatch(created.stdout, /^[0-9a-f]{64}\n$/);
  const detached = await box.$`run -d ${name}:nosuch true`;
  assertEquals(detached.code, 125);
  assertMatch(
    detached.stderr,
    /\nmydocker: manifest for .*\/app:nosuch not found: manifest unknown: manifest unknown\n$/,
  );
  assertEquals((await box.$`create ${name}:nosuch`).code, 125);
  assertEquals((await box.$`run --pull sometimes ${name}`).code, 125);
}, needs);

test("run --platform: an image of another platform is none", async (box) => {
  await using registry = await startRegistry(box);
  await registry.push(await everyPlatform(), "many");
  const name = `${registry.host}/many`;
  await box.ok`create ${name} x`;
  const other = Deno.build.arch === "aarch64" ? "amd64" : "arm64";
  await box.ok`create --platform linux/${other} ${name} x`;
  assertEquals((await box.inspect(name)).Architecture, other);
  const again = await box.$`create --platform linux/${other} ${name} x`;
  assertEquals([again.code, again.stderr], [0, ""]);
}, needs);

test("pull: twenty at once of the same image", async (box) => {
  await using registry = await startRegistry(box);
  await registry.push(await busyboxImage(), "app");
  const pulls = Array.from(
    { length: 20 },
    () => box.$(words`pull -q ${registry.host}/app`, { timeout: 100 }),
  );
  for (const { code, stderr } of await Promise.all(pulls)) assertEquals([code, stderr], [0, ""]);
  assertEquals(await box.ok`run --rm ${registry.host}/app cat /hello`, "hello");
}, { ...needs, seconds: 110 });
