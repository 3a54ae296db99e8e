import { assertEquals, assertThrows } from "@std/assert";
import { Failure } from "../../lib/base/error.ts";
import {
  canonicalName,
  familiarName,
  formatReference,
  isImageId,
  normalize,
  parseReference,
  type Reference,
} from "../../lib/base/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

Deno.test("parseReference: name, tag and digest", () => {
  const cases: [string, Reference][] = [
    ["busybox", { name: "busybox" }],
    ["busybox:1.36", { name: "busybox", tag: "1.36" }],
    ["docker.io/library/busybox:x", { name: "busybox", tag: "x" }],
    ["index.docker.io/user/app", { name: "user/app" }],
    ["library/busybox", { name: "busybox" }],
    ["a/b/c:v1", { name: "a/b/c", tag: "v1" }],
    ["localhost/a", { name: "localhost/a" }],
    ["localhost:5000/a/b", { name: "localhost:5000/a/b" }],
    ["localhost:5000", { name: "localhost", tag: "5000" }],
    ["[::1]:5000/a", { name: "[::1]:5000/a" }],
    ["REG.example.com/a:TAG", { name: "REG.example.com/a", tag: "TAG" }],
    ["a__b-c---d.e", { name: "a__b-c---d.e" }],
    [`busybox@${DIGEST}`, { name: "busybox", digest: DIGEST }],
    [`busybox:1@${DIGEST}`, { name: "busybox", tag: "1", digest: DIGEST }],
    [`a:${"t".repeat(128)}`, { name: "a", tag: "t".repeat(128) }],
  ];
  for (const [text, expected] of cases) assertEquals(parseReference(text), expected, text);
});

Deno.test("parseReference: docker's words for what is wrong", () => {
  const invalid = "invalid reference format";
  const cases: [string, string][] = [
    ["BadRef", `${invalid}: repository name must be lowercase`],
    ["Bad:UPPER", `${invalid}: repository name must be lowercase`],
    ["a/B", `${invalid}: repository name must be lowercase`],
    ["", invalid],
    ["foo:", invalid],
    [":tag", invalid],
    ["foo:bad tag", invalid],
    ["-a", invalid],
    ["a..b", invalid],
    ["a___b", invalid],
    ["a/", invalid],
    ["/a", invalid],
    ["a//b", invalid],
    ["a:b:c", invalid],
    [`a:${"t".repeat(129)}`, invalid],
    ["foo@sha256:abc", invalid],
    [`foo@sha256:${HEX.slice(1)}`, "invalid checksum digest length"],
    [`foo@sha256:${HEX.toUpperCase()}`, "invalid checksum digest format"],
    [`foo@md5:${HEX}`, "unsupported digest algorithm"],
    [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
    [`localhost/${"a".repeat(246)}`, "repository name must not be more than 255 characters"],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(() => parseReference(text), Failure, "", text);
    assertEquals(error.message, message, text);
  }
});

Deno.test("normalize: latest where there is neither tag nor digest", () => {
  assertEquals(normalize({ name: "a" }), { name: "a", tag: "latest" });
  assertEquals(normalize({ name: "a", tag: "1" }), { name: "a", tag: "1" });
  assertEquals(normalize({ name: "a", digest: DIGEST }), { name: "a", digest: DIGEST });
});

Deno.test("familiarName and canonicalName: both directions", () => {
  const cases: [familiar: string, canonical: string][] = [
    ["busybox", "docker.io/library/busybox"],
    ["user/app", "docker.io/user/app"],
    ["localhost:5000/a/b", "localhost:5000/a/b"],
    ["quay.io/x", "quay.io/x"],
    ["library/a/b", "docker.io/library/a/b"],
  ];
  for (const [familiar, canonical] of cases) {
    assertEquals(canonicalName(familiar), canonical);
    assertEquals(familiarName(canonical), familiar);
    assertEquals(familiarName(familiar), familiar);
    assertEquals(canonicalName(canonical), canonical);
  }
});

Deno.test("formatReference: the text parseReference reads", () => {
  for (const text of ["busybox", "localhost:5000/a:1", `a/b:1@${DIGEST}`, `a@${DIGEST}`]) {
    assertEquals(formatReference(parseReference(text)), text);
  }
});

Deno.test("isImageId: ids and their beginnings", () => {
  for (const text of [DIGEST, HEX, "f8d81931c928", "f", "cafe", "sha256:f8d8"]) {
    assertEquals(isImageId(text), true, text);
  }
  for (const text of ["", "sha256:", "busybox", "F8", `${HEX}0`, "md5:ab", "f8:latest"]) {
    assertEquals(isImageId(text), false, text);
  }
});
