// network connect and disconnect: of containers that run, of those that don't, and killed in between.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { crashEverywhere } from "../world/crash.ts";
import { BIN, type Box, requires, test, until, words } from "../world/world.ts";
import { host } from "../world/images.ts";
import { interfaces } from "../world/netns.ts";

const SLEEP = ["busybox", "sleep", "300"];
const SERVER = ["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello"];

const NEEDS = await requires("nft", "iptables");
const CRASHES = { ...await requires("strace"), seconds: 200 };

const sh = (box: Box, name: string, script: string) => box.ok`exec ${name} sh -c ${script}`;
const links = () => interfaces().filter((name) => /^(md-|veth)/.test(name));

async function ask(port: number): Promise<string> {
  const args = ["3", "busybox", "nc", "127.0.0.1", String(port)];
  const { stdout } = await new Deno.Command("timeout", { args, stdin: "null", stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Addresses that the network's claims say are taken. */
const claims = (box: Box, network: string) =>
  [...Deno.readDirSync(`${box.root}/networks/${network}/addresses`)].map(({ name }) => name.split("@")[0])
    .filter((name) => name !== ".lock").sort();

async function twoNetworks(box: Box): Promise<void> {
  await box.ok`network create --subnet 10.71.0.0/24 first`;
  await box.ok`network create --subnet 10.72.0.0/24 second`;
}

test("network connect and disconnect of a container that runs", async (box) => {
  await twoNetworks(box);
  await box.ok`run -d --name one --network first ${SLEEP}`;
  await box.ok`run -d --name two --network second ${SLEEP}`;
  assertEquals(
    await box.ok`network connect --alias db --ip 10.72.0.9 second one`,
    "",
  );
  assertMatch(await sh(box, "one", "ip addr show eth1"), /inet 10\.72\.0\.9\/24/);
  await sh(box, "two", "ping -c 1 -w 5 db && ping -c 1 -w 5 one");
  await sh(box, "one", "ping -c 1 -w 5 two");
  assertMatch(await sh(box, "one", "ip route"), /default via 10\.71\.0\.1 dev eth0/);
  const { Networks } = (await box.inspect("one")).NetworkSettings;
  assertEquals([Networks.first.IPAddress, Networks.second.IPAddress], ["10.71.0.2", "10.72.0.9"]);
  const [second] = JSON.parse(await box.ok`network inspect second`);
  assertEquals(Object.keys(second.Containers).length, 2);

  await box.ok`network disconnect first one`;
  const inside = await sh(box, "one", "ip addr; ip route; cat /etc/hosts");
  assert(!inside.includes("10.71.0.") && !inside.includes("eth0"), inside);
  assertMatch(inside, /default via 10\.72\.0\.1 dev eth1/);
  assertEquals(claims(box, "first"), []);
  assertEquals(links().filter((name) => name.startsWith("md-")).length, 1, "the first one's bridge has gone");
  await box.ok`network rm first`;
  assertMatch((await box.$`network rm second`).stderr, /has active endpoints/);

  await box.ok`network disconnect second one`;
  assertEquals(await sh(box, "two", "grep -c db /etc/hosts || true"), "0", "its names are forgotten");
  assertEquals((await box.inspect("one")).NetworkSettings.Networks, {});
  await box.ok`network connect second one`;
  await box.ok`restart -t 0 one`;
  assertMatch(await sh(box, "one", "ip addr show eth0"), /inet 10\.72\.0\.\d+\/24/);
  await box.ok`rm -f one two`;
  await until("nothing is left", () => links().length === 0);
  assertEquals(claims(box, "second"), []);
});

test("network connect: what ends while connected leaves nothing, and the others hear of it", async (box) => {
  await twoNetworks(box);
  await box.ok`run -d --name one --network first ${SLEEP}`;
  await box.ok`run -d --name two --network second ${SLEEP}`;
  await box.ok`network connect second one`;
  await box.ok`network disconnect second two`;
  assertEquals(links().filter((name) => name.startsWith("md-")).length, 2, "one is still on it");
  await box.ok`network connect second two`;
  await box.ok`kill one`;
  await until("its name is forgotten", async () => !(await sh(box, "two", "cat /etc/hosts")).includes("one"));
  await until("its address is free", () => claims(box, "second").length === 1);
  await box.ok`run --rm -d --name three --network first ${SLEEP}`;
  await box.ok`network connect second three`;
  await box.ok`rm -f two three`;
  await until("nothing is left", () => links().length === 0);
});

test("network connect and disconnect of a container that does not run", async (box) => {
  await twoNetworks(box);
  await box.ok`create --name one --network first ${SLEEP}`;
  await box.ok`network connect --alias db second one`;
  await box.ok`network disconnect first one`;
  await box.ok`start one`;
  assertMatch(await sh(box, "one", "ip addr show eth0"), /inet 10\.72\.0\.2\/24/);
  assertMatch(await sh(box, "one", "cat /etc/hosts"), /10\.72\.0\.2\tone db /);
  await box.ok`rm -f one`;
});

test("network connect and disconnect: refusals", async (box) => {
  await twoNetworks(box);
  await box.ok`run -d --name one --network first ${SLEEP}`;
  const ids: Record<string, string> = {
    one: (await box.inspect("one")).Id,
    none: await box.ok`create --name none --network none ${SLEEP}`,
    host: await box.ok`create --name host --network host ${SLEEP}`,
  };
  const none =
    "container cannot be connected to multiple networks with one of the networks in private (none) mode";
  const refused: [string[], string][] = [
    [["connect", "nosuch", "one"], "network nosuch not found"],
    [["connect", "first", "nosuch"], "No such container: nosuch"],
    [["connect", "first", "one"], "endpoint with name one already exists in network first"],
    [["connect", "first", "none"], none],
    [["connect", "none", "one"], none],
    [
      ["connect", "host", "one"],
      "container cannot be disconnected from host network or connected to host network",
    ],
    ...["one", "none", "host"].map((name): [string[], string] => [
      ["disconnect", "second", name],
      `container ${ids[name]} is not connected to network second`,
    ]),
  ];
  for (const [args, message] of refused) {
    const { code, stderr } = await box.$`network ${args}`;
    assertEquals([code, stderr], [1, `mydocker: ${message}\n`], args.join(" "));
  }
  assertMatch((await box.$`network connect first host`).stderr, /sharing network namespace/);
  assertMatch(
    (await box.$`network connect --link x:y second one`).stderr,
    /--link is not/,
  );
  const taken = await box.$`network connect --ip 10.72.0.1 second one`;
  assertMatch(taken.stderr, /Address already in use/);
  assertEquals(await sh(box, "one", "ls /sys/class/net"), "eth0\nlo");
  assertEquals(claims(box, "second"), []);
  await box.ok`rm -f one`;
});

for (const firewall of ["", "iptables"]) {
  const name = `network disconnect: published ports lead to the next network ${firewall && `(${firewall})`}`;
  test(name.trim(), async (box) => {
    const env: Record<string, string> = firewall ? { MYDOCKER_FIREWALL: firewall } : {};
    await twoNetworks(box);
    await box.ok(words`run -d --name web --network first -p 8080:80 ${SERVER}`, { env });
    await box.ok(words`network connect second web`, { env });
    await until("it answers", async () => await ask(8080) === "hello");
    await box.ok(words`network disconnect first web`, { env });
    await until("it answers again", async () => await ask(8080) === "hello");
    await box.ok(words`network disconnect second web`, { env });
    assertEquals(await ask(8080), "");
    // And back at once, by the container's first network from then on.
    await box.ok(words`network connect second web`, { env });
    await until("it answers once more", async () => await ask(8080) === "hello");
    assertMatch(await box.ok`port web`, /^80\/tcp -> 0.0.0.0:8080/);
    await box.ok(words`network connect first web`, { env });
    await box.ok(words`network disconnect second web`, { env });
    await until("it answers by the other", async () => await ask(8080) === "hello");
    await box.ok(words`rm -f web`, { env });
    await until(
      "no rules are left",
      async () => !(await host("nft", "list", "ruleset")).includes("mydocker_"),
    );
  }, NEEDS);
}

test("network events: create, connect, disconnect, destroy", async (box) => {
  await twoNetworks(box);
  await box.ok`run --rm --name one --network first busybox true`;
  await box.ok`run -d --name two --network first ${SLEEP}`;
  await box.ok`network connect second two`;
  await box.ok`network disconnect second two`;
  await box.ok`rm -f two`;
  await box.ok`network rm second`;
  const format = "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}";
  const filter = ["--filter", "type=network", "--format", format];
  const events = await box.ok`events --since 1h --until 0s ${filter}`;
  assertEquals(events.split("\n"), [
    ...["create first bridge", "create second bridge"],
    ...["connect first bridge", "disconnect first bridge"],
    ...["connect first bridge", "connect second bridge", "disconnect second bridge"],
    ...["disconnect first bridge", "destroy second bridge"],
  ]);
});

/** It is in the network in every respect, or in none. */
async function inOrOut(box: Box, at: string): Promise<boolean> {
  await box.ok`network ls`;
  const device = await sh(box, "one", "ip addr show eth1 2>/dev/null || true");
  const { second } = (await box.inspect("one")).NetworkSettings.Networks;
  const [{ Containers }] = JSON.parse(await box.ok`network inspect second`);
  const isIn = device.includes("inet 10.72.0.");
  assertEquals(second !== undefined, isIn, `inspect after ${at}`);
  assertEquals(Object.keys(Containers).length, isIn ? 1 : 0, `network inspect after ${at}`);
  assertEquals(claims(box, "second").length, isIn ? 1 : 0, `claims after ${at}`);
  assertEquals(links().filter((name) => name.startsWith("md-")).length, isIn ? 2 : 1, `bridges after ${at}`);
  assertEquals((await sh(box, "one", "cat /etc/hosts")).includes("10.72."), isIn, `hosts after ${at}`);
  assert(isIn || device === "", `a device without an address after ${at}`);
  return isIn;
}

for (const command of ["connect", "disconnect"]) {
  test(`network ${command}: kill -9 at each step`, async (box) => {
    await twoNetworks(box);
    await box.ok`run -d --name one --network first ${SLEEP}`;
    await crashEverywhere(
      box,
      () => ["network", command, "second", "one"],
      async (at) => {
        const isIn = await inOrOut(box, at);
        await box.ok`network ${isIn ? "disconnect" : "connect"} second one`;
        assertEquals(await inOrOut(box, at), !isIn);
      },
      async () => {
        await box.$`network disconnect second one`;
        if (command === "disconnect") await box.ok`network connect second one`;
      },
    );
    await box.ok`rm -f one`;
  }, CRASHES);
}

test("network disconnect of the one with the default route: kill -9 at each step", async (box) => {
  await twoNetworks(box);
  await crashEverywhere(
    box,
    () => ["network", "disconnect", "first", "one"],
    async (at) => {
      await box.ok`network ls`;
      const inside = await sh(box, "one", "ls /sys/class/net; ip route; cat /etc/hosts");
      const isIn = inside.includes("eth0");
      assertMatch(inside, new RegExp(`default via 10.${isIn ? 71 : 72}.0.1 `), `after ${at}`);
      assertEquals(inside.includes("10.71."), isIn, `after ${at}`);
      assertEquals(claims(box, "first").length, isIn ? 1 : 0, `after ${at}`);
    },
    async () => {
      await box.$`rm -f one`;
      const networks = ["--network", "first", "--network", "second"];
      await box.ok`run -d --name one ${networks} ${SLEEP}`;
    },
    10,
  );
  await box.ok`rm -f one`;
}, CRASHES);

test("run without a packet filter: a bridge without a way out, and no published ports", async (box) => {
  const script = `mount --bind /dev/null "$(readlink -f /usr/sbin/iptables-restore)"; exec "$@"`;
  const run = async (...args: string[]) => {
    const command = ["-m", "sh", "-c", script, "sh", BIN, "--root", box.root, "run", "--rm", ...args];
    const env = { MYDOCKER_FIREWALL: "iptables" };
    const { code, stdout, stderr } = await new Deno.Command("unshare", { args: command, env }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  };
  const ping = "ping -c 1 -w 5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')";
  const plain = await run("busybox", "sh", "-c", ping);
  assertEquals(plain.code, 0, plain.stderr);
  assertMatch(plain.stderr, /warning: no way out of md-.*Debian package iptables/);
  const published = await run("-p", "8080:80", "busybox", "true");
  assertEquals(published.code, 125);
  assertMatch(published.stderr, /Debian package iptables/);
  for (const network of ["none", "host"]) {
    assertEquals((await run("--network", network, "busybox", "true")).stderr, "");
  }
  await until("nothing is left", () => links().length === 0);
}, NEEDS);

test("resolv.conf is the host's at every start", async (box) => {
  await box.ok`run --name one busybox cat /etc/resolv.conf`;
  const script =
    `printf 'nameserver 9.8.7.6\\n' >"$0"; mount --bind "$0" "$(readlink -f /etc/resolv.conf)"; exec "$@"`;
  const args = ["-m", "sh", "-c", script, box.path("resolv"), BIN, "--root", box.root, "start", "-a", "one"];
  const { stdout } = await new Deno.Command("unshare", { args }).output();
  assertEquals(new TextDecoder().decode(stdout), "nameserver 9.8.7.6\n");
});
