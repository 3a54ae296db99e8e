// Networks: what a container gets of them, who can talk to whom, and that nothing stays. All in the network
// namespace of this file (netns.ts).

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { crashEverywhere } from "../world/crash.ts";
import { type Box, requires, sandbox, test, until, words } from "../world/world.ts";
import { host } from "../world/images.ts";
import { interfaces } from "../world/netns.ts";

const SLEEP = ["busybox", "sleep", "300"];

/** Bridges and veths there are now. */
const links = () => interfaces().filter((name) => /^(md-|mydocker|veth)/.test(name));

async function gone(): Promise<void> {
  await until("all interfaces are gone", () => links().length === 0);
}

const sh = (box: Box, name: string, script: string) => box.ok`exec ${name} sh -c ${script}`;

/** The container's address on its only network, from the inside. */
async function addressOf(box: Box, name: string, device = "eth0"): Promise<string> {
  const text = await box.ok`exec ${name} ip -4 addr show ${device}`;
  return /inet ([\d.]+)/.exec(text)![1];
}

test("network: by default a container is on a bridge, with an address, a gateway and a name", async (box) => {
  await box.ok`run -d --name one ${SLEEP}`;
  const { NetworkSettings: settings, HostConfig, Config } = await box.inspect("one");
  assertEquals(HostConfig.NetworkMode, "bridge");
  const { IPAddress, Gateway, MacAddress, IPPrefixLen, Networks } = settings;
  assertMatch(IPAddress, /^172\.\d+\.0\.2$/);
  assertEquals(Gateway, IPAddress.replace(/2$/, "1"));
  assertEquals(IPPrefixLen, 16);
  const hex = IPAddress.split(".").map((byte: string) => Number(byte).toString(16).padStart(2, "0"));
  assertEquals(MacAddress, `02:42:${hex.join(":")}`);
  assertEquals(Networks.bridge.IPAddress, IPAddress);
  const inside = await sh(box, "one", "ip addr show eth0; ip route; cat /etc/hosts");
  assert(inside.includes(`inet ${IPAddress}/16 `) && inside.includes(`link/ether ${MacAddress} `), inside);
  assert(inside.includes(`default via ${Gateway} dev eth0`), inside);
  assert(inside.includes(`${IPAddress}\t${Config.Hostname}`), inside);
  assert(!inside.includes("inet6"), "no IPv6 where the network has none");
  await sh(box, "one", `ping -c 1 -w 5 ${Gateway}`);
  await host("busybox", "ping", "-c", "1", "-w", "5", IPAddress);
  assertEquals(await box.ok`ps --format {{.Networks}}`, "bridge");
  await box.ok`rm -f one`;
  await gone();
});

test("network: two containers reach each other, and the address of one that ended comes back", async (box) => {
  for (const name of ["one", "two", "three"]) await box.ok`run -d --name ${name} ${SLEEP}`;
  const [one, two, three] = await Promise.all(["one", "two", "three"].map((name) => addressOf(box, name)));
  assertEquals([one, two, three].map((address) => address.split(".")[3]), ["2", "3", "4"]);
  await sh(box, "one", `ping -c 1 -w 5 ${two}`);
  await box.ok`rm -f two`;
  await box.ok`run -d --name four ${SLEEP}`;
  assertEquals(await addressOf(box, "four"), two, "the lowest that is free");
  await box.ok`rm -f one three four`;
});

test("network: a hundred containers started at once have a hundred addresses", async (box) => {
  const names = Array.from({ length: 100 }, (_, n) => `c${n}`);
  await Promise.all(
    names.map((name) =>
      box.ok(words`run -d --name ${name} busybox sh -c 'exec sleep 300'`, { timeout: 200 })
    ),
  );
  const format = "{{.NetworkSettings.IPAddress}}";
  const addresses = (await box.ok`inspect -f ${format} ${names}`).split("\n");
  assertEquals(new Set(addresses).size, 100);
  const last = addresses.map((address) => Number(address.split(".")[3])).sort((a, b) => a - b);
  assertEquals(last, Array.from({ length: 100 }, (_, n) => n + 2), "without gaps");
  assertEquals(links().filter((name) => name.startsWith("md-")).length, 1, "one bridge");
  await sh(box, "c0", `ping -c 1 -w 5 ${addresses[99]}`);
  await box.ok(words`rm -f ${names}`, { timeout: 200 });
}, { seconds: 300 });

test("network: the addresses of a subnet are given out to the last, and no further", async (box) => {
  await box.ok`network create --subnet 10.123.0.0/29 small`;
  await box.ok`network create --subnet 10.123.1.0/24 --ip-range 10.123.1.8/30 ranged`;
  const start = (network: string, name: string) =>
    box.$`run -d --network ${network} --name ${name} busybox sleep 1000`;
  for (const [network, last] of [["small", [2, 3, 4, 5, 6]], ["ranged", [8, 9, 10, 11]]] as const) {
    const addresses: string[] = [];
    for (const n of last) {
      const { code, stderr } = await start(network, `${network}-${n}`);
      assertEquals([code, stderr], [0, ""]);
      addresses.push((await box.inspect(`${network}-${n}`)).NetworkSettings.Networks[network].IPAddress);
    }
    const subnet = network === "small" ? "10.123.0" : "10.123.1";
    assertEquals(addresses, last.map((n) => `${subnet}.${n}`));
    const { code, stderr } = await start(network, "late");
    assertEquals(code, 125);
    assertMatch(stderr, /no available IPv4 addresses on this network's address pools: \w+ \(\w{64}\)/);
    await box.$`rm late`;
    await box.ok`rm -f ${network}-${last[1]}`;
    assertEquals((await start(network, "late")).code, 0);
    const { Networks } = (await box.inspect("late")).NetworkSettings;
    assertEquals(Networks[network].IPAddress, `${subnet}.${last[1]}`);
    await box.ok`rm -f late ${last.filter((n) => n !== last[1]).map((n) => `${network}-${n}`)}`;
  }
  await box.ok`network rm small ranged`;
}, { seconds: 60 });

test("network: containers that start and end at once never lose the bridge", async (box) => {
  const script = "ping -c 1 -w 5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') >/dev/null";
  const loop = async () => {
    for (let round = 0; round < 8; round++) await box.ok`run --rm busybox sh -c ${script}`;
  };
  await Promise.all([loop(), loop(), loop(), loop()]);
  await gone();
}, { seconds: 120 });

test("network: two root directories on one host choose different subnets", async (box) => {
  await using other = await sandbox("busybox");
  const run = (where: Box) => where.ok`run -d --name same ${SLEEP}`;
  await Promise.all([run(box), run(other)]);
  const [here, there] = [await addressOf(box, "same"), await addressOf(other, "same")];
  assertNotEquals(here.split(".")[1], there.split(".")[1]);
  await host("busybox", "ping", "-c", "1", "-w", "5", here);
  await host("busybox", "ping", "-c", "1", "-w", "5", there);
  await box.ok`rm -f same`;
  await other.ok`rm -f same`;
  await gone();
});

test("network: what the host's routes lead to is not chosen", async (box) => {
  await host("ip", "link", "add", "uplink", "type", "bridge");
  try {
    await host("ip", "addr", "add", "172.17.5.1/24", "dev", "uplink");
    await host("ip", "link", "set", "uplink", "up");
    await host("ip", "route", "add", "172.18.0.0/15", "via", "172.17.5.2");
    const route = await box.ok`run --rm busybox ip route`;
    assertMatch(route, /default via 172\.20\.0\.1 /);
    // A subnet that was chosen before is chosen anew where the host has it now.
    await gone();
    await host("ip", "addr", "add", "172.20.7.1/24", "dev", "uplink");
    assertMatch(await box.ok`run --rm busybox ip route`, /default via 172\.21\.0\.1 /);
    await gone();
  } finally {
    await host("ip", "link", "del", "uplink");
  }
}, await requires("ip"));

test("network: what a killed keeper leaves is repaired by the next command", async (box) => {
  await box.ok`run -d --name one ${SLEEP}`;
  const address = await addressOf(box, "one");
  const status = Deno.readTextFileSync(`/proc/${await box.pidOf("one")}/status`);
  Deno.kill(Number(/^PPid:\t(\d+)$/m.exec(status)![1]), "SIGKILL");
  await until("it has ended", async () => (await box.inspect("one")).State.Status === "exited");
  await until("its interface is gone", () => links().length === 1);
  await box.ok`start one`;
  assertEquals(await addressOf(box, "one"), address, "its own again");
  Deno.kill(
    Number(/^PPid:\t(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${await box.pidOf("one")}/status`))![1]),
    "SIGKILL",
  );
  await until("it has ended", async () => (await box.inspect("one")).State.Status === "exited");
  await box.ok`rm one`;
  assertEquals(links(), []);
  assertMatch(await box.ok`run --rm busybox ip addr`, new RegExp(`inet ${address}/`));
});

test("network: mydocker killed at any moment leaves nothing that the next doesn't repair", async (box) => {
  const name = (round: number) => `kill${round + 1}`;
  await crashEverywhere(
    box,
    (round) => ["run", "-d", "--name", name(round), ...SLEEP],
    async (_, round) => {
      await box.$`rm -f ${name(round)}`;
    },
    // So that each makes the bridge, as the first one did.
    async (round) => {
      await box.$`rm -f ${name(round - 1)}`;
      await until(
        "the bridge is down",
        async () => (await box.ok`network ls -q`, links().length === 0),
      );
    },
    20,
  );
  const left = await box.ok`ps -aq`;
  if (left) await box.ok`rm -f ${left.split("\n")}`;
  await until(
    "keepers have ended",
    async () => (await box.ok`network ls -q`, links().length === 0),
  );
  await box.ok`run --rm busybox ip addr show eth0`;
}, { ...await requires("strace"), seconds: 120 });

test(
  "network: the bridge goes with a container of --rm, also where somebody else has its lock for a moment",
  async (box) => {
    const hold = "import fcntl, sys, time; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); " +
      "print('held'); time.sleep(1)";
    for (let round = 0; round < 3; round++) {
      const id = await box.ok`run -d --rm --name one ${SLEEP}`;
      const lock = `${box.root}/containers/${id}/lock`;
      const waiter = new RegExp(`-> .*:${Deno.statSync(lock).ino} `);
      await using holder = box.start`python3 -uc ${hold} ${lock}`;
      await until("the other waits", () => waiter.test(Deno.readTextFileSync("/proc/locks")));
      await box.ok`rm -f one`;
      assertMatch((await holder.end()).stdout, /held/);
      await gone();
    }
  },
  { ...await requires("python3"), seconds: 90 },
);

test("network: a start that fails leaves no bridge and no address", async (box) => {
  const { code } = await box.$`run --name one busybox /nosuch`;
  assertEquals(code, 127);
  await gone();
  assertMatch(await box.ok`run --rm busybox ip addr`, /inet 172\.\d+\.0\.2\//);
});

test("network: --restart starts it on the bridge again", async (box) => {
  await box.ok`run -d --name one --restart always busybox sleep 0.2`;
  await until("it was started again", async () => (await box.inspect("one")).RestartCount >= 2);
  await until("it has an address", async () => (await box.inspect("one")).NetworkSettings.IPAddress !== "");
  await box.ok`stop -t 0 one`;
  await gone();
});

test("network create: ID, refusals, ls, inspect and rm", async (box) => {
  const id = await box.ok`network create --subnet 10.77.0.0/24 --label a=b mine`;
  assertMatch(id, /^[0-9a-f]{64}$/);
  const refused: [string[], string][] = [
    [["mine"], "network with name mine already exists"],
    [
      ["--subnet", "10.77.0.0/16", "more"],
      "Pool overlaps with other one on this address space: 10.77.0.0/16",
    ],
    [["--subnet", "nonsense", "more"], "invalid subnet nonsense: invalid CIDR address: nonsense"],
    [
      ["--subnet", "10.78.0.0/24", "--gateway", "10.79.0.1", "more"],
      "no matching subnet for gateway 10.79.0.1",
    ],
    [["bridge"], "operation is not permitted on predefined bridge network"],
  ];
  for (const [args, message] of refused) {
    const { code, stderr } = await box.$`network create ${args}`;
    assertEquals([code, stderr], [1, `mydocker: ${message}\n`]);
  }
  const table = (await box.ok`network ls`).split("\n").map((line) => line.split(/ {2,}/));
  assertEquals(table[0], ["NETWORK ID", "NAME", "DRIVER", "SCOPE"]);
  assertEquals(table.slice(1).map(([, name, driver]) => [name, driver]), [
    ["bridge", "bridge"],
    ["host", "host"],
    ["mine", "bridge"],
    ["none", "null"],
  ]);
  assertEquals(await box.ok`network ls -qf type=custom`, id.slice(0, 12));
  const [mine] = JSON.parse(await box.ok`network inspect ${id.slice(0, 5)}`);
  assertEquals([mine.Name, mine.Labels.a, mine.IPAM.Config], ["mine", "b", [
    { Subnet: "10.77.0.0/24", Gateway: "10.77.0.1" },
  ]]);
  await box.ok`run -d --name one --network mine ${SLEEP}`;
  const busy = await box.$`network rm mine`;
  assertEquals([busy.code, busy.stderr], [
    1,
    `mydocker: error while removing network: network mine id ${id} has active endpoints\n`,
  ]);
  const [used] = JSON.parse(await box.ok`network inspect mine`);
  assertEquals(Object.values(used.Containers).map((one) => (one as Record<string, string>).IPv4Address), [
    "10.77.0.2/24",
  ]);
  await box.ok`rm -f one`;
  assertEquals(await box.ok`network rm mine`, "mine");
  assertEquals(links(), [], "its bridge has gone with it");
  const missing = await box.$`network rm mine`;
  assertEquals([missing.code, missing.stderr], [1, "mydocker: No such network: mine\n"]);
});

test("network create -o: what is known does something, and the rest is refused", async (box) => {
  const bridge = "com.docker.network.bridge";
  const mtu = "com.docker.network.driver.mtu";
  await box.ok`network create -o ${bridge}.name=mine0 -o ${mtu}=1400 mine`;
  await box.ok`run -d --name one --network mine ${SLEEP}`;
  assert(interfaces().includes("mine0"), interfaces().join());
  assertMatch(await sh(box, "one", "ip link show eth0"), /mtu 1400/);
  await box.ok`rm -f one`;
  await until("it is gone", () => !interfaces().includes("mine0"));
  await host("ip", "link", "add", "mine0", "type", "bridge");
  const taken = await box.$`run --rm --network mine busybox true`;
  await host("ip", "link", "del", "mine0");
  assertEquals(taken.code, 125);
  assertMatch(taken.stderr, /there is an interface mine0 already/);
  for (const option of [`${bridge}.enable_icc=false`, "parent=eth0", `${mtu}=x`, `${bridge}.name=a/b`]) {
    const { code, stderr } = await box.$`network create -o ${option} more`;
    assertEquals(code, 1, option);
    assertMatch(stderr, /^mydocker: network option /);
  }
}, await requires("ip"));

test("network prune: what no container is in", async (box) => {
  for (const name of ["used", "free"]) await box.ok`network create ${name}`;
  await box.ok`run -d --name one --network used ${SLEEP}`;
  assertEquals((await box.ok`network prune -f`).trim(), "Deleted Networks:\nfree");
  await box.ok`rm -f one`;
});

test("network: members of a network know each other by name and alias, until they leave", async (box) => {
  await box.ok`network create mine`;
  await box.ok`run -d --name one --network mine ${SLEEP}`;
  await box.ok`run -d --name two --network mine --network-alias db ${SLEEP}`;
  for (const name of ["two", "db"]) await sh(box, "one", `ping -c 1 -w 5 ${name}`);
  await sh(box, "two", "ping -c 1 -w 5 one");
  await sh(box, "one", "echo '1.2.3.4 kept' >>/etc/hosts");
  const inode = await sh(box, "one", "stat -c %i /etc/hosts");
  await box.ok`rm -f two`;
  await until("its name is forgotten", async () => !(await sh(box, "one", "cat /etc/hosts")).includes("two"));
  const hosts = await sh(box, "one", "cat /etc/hosts");
  assert(hosts.includes("1.2.3.4 kept") && /\tone .*# mine$/m.test(hosts), hosts);
  assertEquals(await sh(box, "one", "stat -c %i /etc/hosts"), inode);
  await box.ok`rm -f one`;
});

test("network: several networks, each an interface, and the first has the default route", async (box) => {
  await box.ok`network create --internal --subnet 10.81.0.0/24 inner`;
  await box.ok`network create --subnet 10.82.0.0/24 --gateway 10.82.0.9 outer`;
  const networks = ["--network", "inner", "--network", "outer"];
  const text = await box.ok`run --rm ${networks} busybox sh -c 'ip -4 addr; ip route'`;
  assertMatch(text, /inet 10\.81\.0\.2\/24 .* eth0\n/);
  assertMatch(text, /inet 10\.82\.0\.1\/24 .* eth1\n/);
  assertMatch(text, /default via 10\.82\.0\.9 dev eth1/);
  const twice = await box.$`run --network inner --network inner busybox true`;
  assertEquals(twice.code, 125);
});

test("network: IPv6 where the network has a subnet of it", async (box) => {
  await box.ok`network create --ipv6 --subnet fd00:77::/64 six`;
  await box.ok`run -d --name one --network six ${SLEEP}`;
  await box.ok`run -d --name two --network six ${SLEEP}`;
  const { GlobalIPv6Address, IPv6Gateway } = (await box.inspect("two")).NetworkSettings.Networks.six;
  assertEquals([GlobalIPv6Address, IPv6Gateway], ["fd00:77::3", "fd00:77::1"]);
  await sh(box, "one", "ping -6 -c 1 -w 5 fd00:77::3");
  assertMatch(await sh(box, "one", "ip -6 route"), /default via fd00:77::1 dev eth0/);
  await box.ok`rm -f one two`;
});

test("run --ip and --mac-address: what was asked for, or a reason", async (box) => {
  await box.ok`network create --subnet 10.83.0.0/24 --ip-range 10.83.0.64/26 mine`;
  const run = (...args: string[]) => box.$`run --rm ${args} busybox ip addr show eth0`;
  const mac = "92:d0:c6:0a:29:33";
  const { stdout } = await run("--network", "mine", "--ip", "10.83.0.7", "--mac-address", mac);
  assert(stdout.includes("inet 10.83.0.7/24") && stdout.includes(`ether ${mac}`), stdout);
  assertMatch((await run("--network", "mine")).stdout, /inet 10\.83\.0\.64\/24/);
  await box.ok`run -d --name one --network mine --ip 10.83.0.7 ${SLEEP}`;
  const refused: [string[], RegExp][] = [
    [["--network", "mine", "--ip", "10.83.0.7"], /Address already in use/],
    [["--network", "mine", "--ip", "10.84.0.7"], /does not belong to any of network mine's subnets/],
    [["--ip", "172.17.0.9"], /user specified IP address is supported on user defined networks only/],
    [["--network", "mine", "--ip", "here"], /invalid IPv4 address: here/],
    [["--mac-address", "nonsense"], /nonsense is not a valid mac address/],
    [["--network", "nosuch"], /network nosuch not found/],
    [["--network-alias", "x"], /only for containers in user defined networks/],
    [["--link", "one"], /--link is not supported; containers of one network know each other by name/],
    [["--network", "host", "--network", "mine"], /conflicting options/],
  ];
  for (const [args, message] of refused) {
    const { code, stderr } = await run(...args);
    assertEquals(code, 125, args.join(" "));
    assertMatch(stderr, message);
  }
  await box.ok`rm -f one`;
});

test("run --dns and --add-host: resolv.conf and hosts", async (box) => {
  const flags = ["--dns", "9.9.9.9", "--dns-search", "example.org", "--dns-option", "ndots:2"];
  const read = ["busybox", "cat", "/etc/resolv.conf"];
  assertEquals(
    await box.ok`run --rm ${flags} ${read}`,
    "search example.org\nnameserver 9.9.9.9\noptions ndots:2",
  );
  const hosts = ["--add-host", "there:10.1.2.3", "--add-host", "up:host-gateway"];
  const text = await box.ok`run --rm ${hosts} busybox sh -c 'cat /etc/hosts; ip route'`;
  const gateway = /default via (\S+)/.exec(text)![1];
  assert(text.includes("10.1.2.3\tthere\n") && text.includes(`${gateway}\tup\n`), text);
  for (const bad of [["--dns", "here"], ["--add-host", "there"], ["--add-host", "there:x"]]) {
    assertEquals((await box.$`run --rm ${bad} busybox true`).code, 125);
  }
});

test("run --add-host: host-gateway is the host on the default network, with --network none too", async (box) => {
  const none = [
    "run",
    "--rm",
    "--network",
    "none",
    "--add-host",
    "up:host-gateway",
    "busybox",
    "cat",
    "/etc/hosts",
  ];
  assertMatch(await box.ok(none), /^172\.17\.0\.1\tup$/m);
  await box.ok`run -d --name one ${SLEEP}`;
  const { Gateway } = (await box.inspect("one")).NetworkSettings;
  assert((await box.ok(none)).includes(`\n${Gateway}\tup`));
  await box.ok`rm -f one`;
});

test("run --network container: the other's interfaces, name and files", async (box) => {
  await box.ok`run -d --name one ${SLEEP}`;
  const address = await addressOf(box, "one");
  const share = ["run", "--rm", "--network", "container:one"];
  const text = await box.ok`${share} busybox sh -c 'ip addr show eth0; hostname; cat /etc/hosts'`;
  const { Config } = await box.inspect("one");
  assert(text.includes(`inet ${address}/`) && text.includes(`${address}\t${Config.Hostname}`), text);
  assertMatch(text, new RegExp(`^${Config.Hostname}$`, "m"));
  const named = await box.$`${share} -h x busybox true`;
  assertMatch(named.stderr, /conflicting options: hostname and the network mode/);
  await box.ok`stop -t 0 one`;
  const { code, stderr } = await box.$`${share} busybox true`;
  assertEquals([code, stderr], [
    125,
    `mydocker: cannot join network of a non running container: ${(await box.inspect("one")).Id}\n`,
  ]);
});

test(
  "run --network container: the interface leaves with its owner, and nobody else has its address",
  async (box) => {
    const share = ["run", "-d", "--name", "two", "--network", "container:one", ...SLEEP];
    for (const end of ["rm -f one", "restart -t 0 one", "kill -9"]) {
      const run = ["run", "-d", "--name", "one", ...SLEEP];
      await box.ok(run);
      await box.ok(share);
      const address = await addressOf(box, "one");
      if (end.startsWith("kill")) {
        const keeper =
          /^PPid:\t(\d+)/m.exec(Deno.readTextFileSync(`/proc/${await box.pidOf("one")}/status`))![1];
        Deno.kill(Number(keeper), "SIGKILL");
        await until("one has ended", async () => !(await box.inspect("one")).State.Running);
        await box.ok`rm one`;
      } else await box.ok(end.split(" "));
      assertEquals(await sh(box, "two", "ip addr show eth0 2>/dev/null || echo none"), "none", end);
      await box.ok`run -d --name three ${SLEEP}`;
      const others = await Promise.all(
        (end.startsWith("restart") ? ["one", "three"] : ["three"]).map((name) => addressOf(box, name)),
      );
      assert(others.includes(address) && new Set(others).size === others.length, end);
      await sh(box, "three", `ping -c 1 -w 5 ${address.replace(/\d+$/, "1")}`);
      await box.ok`rm -f ${end.startsWith("restart") ? ["one"] : []} two three`;
      await gone();
    }
  },
  { seconds: 90 },
);

test("network disconnect: the interface leaves those who share the namespace, too", async (box) => {
  await box.ok`network create net`;
  await box.ok`run -d --name one ${SLEEP}`;
  await box.ok`network connect net one`;
  await box.ok`run -d --name two --network container:one ${SLEEP}`;
  await sh(box, "two", "ip addr show eth1");
  await box.ok`rm -f one`;
  assertEquals(await sh(box, "two", "ip addr show eth0 2>/dev/null || echo none"), "none");
  await until(
    "eth1 has left",
    async () => await sh(box, "two", "ip addr show eth1 2>/dev/null || echo none") === "none",
  );
  await box.ok`rm -f two`;
  await gone();
});
