// Addresses, subnets and --publish, as arithmetic and text.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  addressText,
  bounds,
  contains,
  macOf,
  overlaps,
  parseAddress,
  parseSubnet,
  subnetOf,
  subnetText,
} from "../../lib/base/address.ts";
import { choosePool } from "../../lib/network/pool.ts";
import { parsePublish } from "../../lib/flags/port_spec.ts";

Deno.test("addresses: what is one, and its text as the kernel writes it", () => {
  const same = ["0.0.0.0", "172.17.0.2", "255.255.255.255", "::", "::1", "fe80::1", "fd00:1:2:3:4:5:6:7"];
  for (const text of same) assertEquals(addressText(parseAddress(text)!), text);
  assertEquals(addressText(parseAddress("fd00:0:0:1:0:0:0:2")!), "fd00:0:0:1::2", "the longest run of zeros");
  assertEquals(addressText(parseAddress("1:0:2:0:3:0:4:0")!), "1:0:2:0:3:0:4:0", "a single zero stays");
  assertEquals(addressText(parseAddress("FD00::AB")!), "fd00::ab");
  const none = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.x",
    ":::",
    "1::2::3",
    "12345::",
    "1:2:3",
    "::g",
  ];
  for (const text of none) assertEquals(parseAddress(text), undefined, text);
  assertEquals(macOf(parseAddress("172.17.0.2")!), "02:42:ac:11:00:02");
});

Deno.test("subnets: bounds, and which overlap", () => {
  assertEquals(parseSubnet("10.0.0.0/33"), undefined);
  assertEquals(parseSubnet("10.0.0.0"), undefined);
  assertEquals(subnetText(subnetOf("10.1.2.3/8")), "10.1.2.3/8");
  const [first, last] = bounds(subnetOf("10.1.2.3/22"));
  assertEquals([first, last].map((value) => addressText({ family: 2, value })), ["10.1.0.0", "10.1.3.255"]);
  assert(contains(subnetOf("0.0.0.0/0"), parseAddress("9.9.9.9")!));
  assert(!contains(subnetOf("::/0"), parseAddress("9.9.9.9")!), "another family");
  assert(overlaps(subnetOf("10.0.0.0/8"), subnetOf("10.9.0.0/16")));
  assert(overlaps(subnetOf("10.9.0.0/16"), subnetOf("10.0.0.0/8")));
  assert(!overlaps(subnetOf("10.0.0.0/16"), subnetOf("10.1.0.0/16")));
});

Deno.test("pools: docker's, in its order, but for what is used", () => {
  const pool = (...used: string[]) => choosePool(used.map(subnetOf)).subnet;
  assertEquals(pool(), "172.17.0.0/16");
  assertEquals(pool("172.17.9.0/24", "172.18.0.0/15"), "172.20.0.0/16");
  assertEquals(pool("172.16.0.0/12"), "192.168.0.0/20");
  assertEquals(pool("172.16.0.0/12", "192.168.16.1/32", "192.168.1.0/24"), "192.168.32.0/20");
  assertThrows(() => pool("172.16.0.0/12", "192.168.0.0/16"), Error, "non-overlapping");
});

Deno.test("--publish: as docker reads it", () => {
  const read = (text: string) =>
    parsePublish(text).map(({ port, binding: { HostIp, HostPort } }) => `${HostIp}|${HostPort}|${port}`);
  assertEquals(read("80"), ["||80/tcp"]);
  assertEquals(read("8080:80/udp"), ["|8080|80/udp"]);
  assertEquals(read("127.0.0.1::80"), ["127.0.0.1||80/tcp"]);
  assertEquals(read("[::]:8080:80"), ["::|8080|80/tcp"]);
  assertEquals(read("8000-8001:80-81"), ["|8000|80/tcp", "|8001|81/tcp"]);
  assertEquals(read("8000-8010:80"), ["|8000-8010|80/tcp"]);
  assertEquals(read("target=80,published=8080,protocol=udp"), ["|8080|80/udp"]);
  const refused = [
    "",
    "x",
    "80/xyz",
    "8000-8002:80-81",
    "81-80",
    "1.2.3:80:80",
    "::1:80:80",
    "70000",
    "8080:",
  ];
  for (const text of refused) assertThrows(() => parsePublish(text), Error, "", text);
});
