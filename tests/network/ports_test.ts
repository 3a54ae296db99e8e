// Published ports: from where they can be reached, who gets them, and that nothing stays. All in the network
// namespace of this file (netns.ts); one more, behind a veth pair, stands for another machine.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Box, requires, type Result, test, until, words } from "../world/world.ts";
import { host } from "../world/images.ts";

const SERVER = ["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello"];
const NEEDS = await requires("nft", "iptables", "ip", "ss", "python3");

/** This machine's and the other one's address. */
const [HERE, THERE] = ["10.99.0.1", "10.99.0.2"];

/** Another machine on this one's network. */
async function machine(): Promise<{ pid: string } & AsyncDisposable> {
  const process = new Deno.Command("unshare", { args: ["-n", "sleep", "1000"] }).spawn();
  const pid = String(process.pid);
  const own = Deno.readLinkSync("/proc/thread-self/ns/net");
  await until("it has its namespace", () => Deno.readLinkSync(`/proc/${pid}/ns/net`) !== own);
  const script = `ip link add wire0 type veth peer name wire1 netns ${pid}
    ip addr add ${HERE}/24 dev wire0 && ip link set wire0 up
    nsenter -t ${pid} -n sh -c 'ip addr add ${THERE}/24 dev wire1 && ip link set wire1 up && ip route add default via ${HERE}'`;
  await host("sh", "-ec", script);
  return {
    pid,
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await host("sh", "-c", "ip link del wire0 2>/dev/null; true");
    },
  };
}

/** What a server says, or "" where none answers. `from` leads the command line to where it is run. */
async function ask(address: string, port: number | string, from: string[] = []): Promise<string> {
  const command = [...from, "timeout", "3", "busybox", "nc", address, String(port)];
  const [name, ...args] = command;
  const { stdout } = await new Deno.Command(name, { args, stdin: "null", stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}

const from = ({ pid }: { pid: string }) => ["nsenter", "-t", pid, "-n"];

async function answers(address: string, port: number | string): Promise<void> {
  await until(`${address}:${port} answers`, async () => await ask(address, port) === "hello");
}

const ruleset = () => host("nft", "list", "ruleset");

async function noRules(): Promise<void> {
  await until("no rules are left", async () => !(await ruleset()).includes("mydocker_"));
}

async function portOf(box: Box, name: string): Promise<string> {
  return (await box.ok`port ${name} 80`).split(":").at(-1)!;
}

test("ports: from the host itself, other machines, neighbours and the container", async (box) => {
  await using other = await machine();
  await box.ok`run -d --name web -p 8080:80 -p 127.0.0.1:8081:80 ${SERVER}`;
  for (const address of ["127.0.0.1", HERE]) await answers(address, 8080);
  await answers("127.0.0.1", 8081);
  assertEquals(await ask(HERE, 8080, from(other)), "hello");
  assertEquals(await ask(HERE, 8081, from(other)), "", "on the loopback only");
  const { NetworkSettings } = await box.inspect("web");
  assertEquals(await ask(NetworkSettings.IPAddress, 80, from(other)), "", "not by the container's address");
  const asking = ["nc", "-w", "3", HERE, "8080"];
  assertEquals((await box.$`exec web ${asking}`).stdout.trim(), "hello", "its own");
  assertEquals(
    (await box.$`run --rm busybox ${asking}`).stdout.trim(),
    "hello",
    "its neighbour's",
  );
  assertEquals(NetworkSettings.Ports, {
    "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }, { HostIp: "127.0.0.1", HostPort: "8081" }],
  });
  assertEquals(await box.ok`port web`, "80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081");
  assertEquals(
    await box.ok`ps --format {{.Ports}}`,
    "0.0.0.0:8080->80/tcp, 127.0.0.1:8081->80/tcp",
  );
  await box.ok`rm -f web`;
  await noRules();
}, NEEDS);

test("ports: containers reach other machines, which see the host; internal networks don't", async (box) => {
  await using other = await machine();
  const server = ["timeout", "60", "busybox", "nc", "-ll", "-p", "99", "-e", "echo", "hello"];
  const [name, ...args] = [...from(other), ...server];
  const process = new Deno.Command(name, { args }).spawn();
  await until("the server is there", async () => await ask(THERE, 99) === "hello");
  const asking = ["busybox", "nc", "-w", "3", THERE, "99"];
  assertEquals((await box.$`run --rm ${asking}`).stdout.trim(), "hello");
  await box.ok`network create --internal inner`;
  assertEquals((await box.$`run --rm --network inner ${asking}`).stdout.trim(), "");
  process.kill("SIGKILL");
  await process.status;
  await noRules();
}, NEEDS);

test("ports: networks are apart, but for what is published", async (box) => {
  await box.ok`network create apart`;
  await box.ok`run -d --name web -p 8080:80 ${SERVER}`;
  await answers("127.0.0.1", 8080);
  const { IPAddress, Gateway } = (await box.inspect("web")).NetworkSettings;
  const elsewhere = ["run", "--rm", "--network", "apart", "busybox", "nc", "-w", "3"];
  assertEquals((await box.$`${elsewhere} ${IPAddress} 80`).stdout.trim(), "");
  assertEquals((await box.$`${elsewhere} ${Gateway} 8080`).stdout.trim(), "hello");
  await box.ok`rm -f web`;
  await noRules();
}, NEEDS);

test("ports: what is taken is said before anything starts, by whoever has it", async (box) => {
  await box.ok`run -d --name web -p 8080:80 ${SERVER}`;
  const taken = await box.$`run --name second -p 8080:80 ${SERVER}`;
  assertEquals(taken.code, 125);
  assertMatch(taken.stderr, /on endpoint second: Bind for 0\.0\.0\.0:8080 failed: port is already allocated/);
  assertEquals((await box.inspect("second")).State.Status, "created");
  await box.ok`rm second`;
  const foreign = new Deno.Command("busybox", { args: ["nc", "-ll", "-p", "9090", "-e", "true"] }).spawn();
  let refused: Result;
  await until("it listens", async () => {
    refused = await box.$`run --rm -p 9090:80 busybox true`;
    return refused.code !== 0;
  });
  assertMatch(refused!.stderr, /listen tcp4 0\.0\.0\.0:9090: bind: address already in use/);
  foreign.kill("SIGKILL");
  await foreign.status;
  const away = await box.$`run --rm -p 192.0.2.1:80:80 busybox true`;
  assertMatch(away.stderr, /listen tcp4 192\.0\.2\.1:80: bind: cannot assign requested address/);
  // The other way round: nobody else gets what a container has.
  const listening = new Deno.Command("timeout", {
    args: ["5", "busybox", "nc", "-l", "-p", "8080"],
    stderr: "piped",
  });
  assertMatch(new TextDecoder().decode((await listening.output()).stderr), /Address already in use/);
  await box.ok`rm -f web`;
  await noRules();
}, NEEDS);

test("ports: of many who want one, one gets it; random ones are all different", async (box) => {
  const names = Array.from({ length: 8 }, (_, n) => `c${n}`);
  const started = await Promise.all(
    names.map((name) => box.$`run -d --name ${name} -p 8080:80 ${SERVER}`),
  );
  assertEquals(started.filter(({ code }) => code === 0).length, 1);
  for (const { code, stderr } of started) {
    if (code !== 0) assertMatch(stderr, /port is already allocated|address already in use/);
  }
  await box.ok`rm -f ${names}`;
  await Promise.all(names.map((name) => box.ok`run -d --name ${name} -p 80 ${SERVER}`));
  const ports = await Promise.all(names.map((name) => portOf(box, name)));
  assertEquals(new Set(ports).size, names.length);
  await answers("127.0.0.1", ports[0]);
  await box.ok`rm -f ${names}`;
  await noRules();
}, NEEDS);

test("ports: -P and ranges", async (box) => {
  const range = ["-p", "7000-7002:80", "--expose", "90-91/udp"];
  for (const name of ["one", "two"]) await box.ok`run -d --name ${name} ${range} -P ${SERVER}`;
  assertEquals([await portOf(box, "one"), await portOf(box, "two")], ["7000", "7001"]);
  assertMatch(
    await box.ok`port one`,
    /^80\/tcp -> 0\.0\.0\.0:7000\n90\/udp -> .*\n91\/udp -> [\d.]+:\d+$/,
  );
  await box.ok`run -d --name three -p 8000-8003:8000-8003 -p 9001:8004 --expose 1 ${SERVER}`;
  assertEquals(
    await box.ok`ps --filter name=three --format {{.Ports}}`,
    "1/tcp, 0.0.0.0:8000-8003->8000-8003/tcp, 0.0.0.0:9001->8004/tcp",
  );
  assertEquals(await box.ok`ps -q --filter publish=9001`, await box.ok`ps -lq`);
  assertEquals(await box.ok`ps -q --filter expose=8004`, await box.ok`ps -lq`);
  const none = await box.$`port three 81`;
  assertEquals([none.code, none.stderr.trim()], [1, "mydocker: No public port '81/tcp' published for three"]);
  // A range gives way to a port that is wanted alone.
  await box.ok`run -d --name four -p 7100-7101:80 -p 7100:81 ${SERVER}`;
  assertEquals(await box.ok`port four`, "80/tcp -> 0.0.0.0:7101\n81/tcp -> 0.0.0.0:7100");
  await box.ok`rm -f one two three four`;
  await noRules();
}, NEEDS);

test(
  "ports: of a killed keeper nothing stays; a start has them again, and a restart keeps them",
  async (box) => {
    await box.ok`run -d --name web -p 8080:80 ${SERVER}`;
    await answers("127.0.0.1", 8080);
    const keeper = /"mydocker-keeper",pid=(\d+)/.exec(await host("ss", "-ltnp", "sport = 8080"))![1];
    const id = (await box.inspect("web")).Id.slice(0, 12);
    Deno.kill(Number(keeper), "SIGKILL");
    await until("its rules are gone", async () => !(await ruleset()).includes(id));
    assertEquals(await box.ok`port web`, "");
    await box.ok`start web`;
    await answers("127.0.0.1", 8080);
    await box.ok`restart -t 0 web`;
    await answers("127.0.0.1", 8080);
    await box.ok`rm -f web`;
    await box.ok`run --rm -p 8080:80 busybox true`;
    await noRules();
  },
  NEEDS,
);

test(
  "ports: a flush spares published ports, network reload brings back the rest, others' rules stay",
  async (box) => {
    await box.ok`run -d --name web -p 8080:80 ${SERVER}`;
    const network = (await box.inspect("web")).NetworkSettings.Networks.bridge.NetworkID.slice(0, 12);
    await host("nft", "flush ruleset; add table ip others");
    assert(!(await ruleset()).includes(network));
    await box.ok`network reload`;
    const rules = await ruleset();
    assert(rules.includes(network) && rules.includes("table ip others"), rules);
    await answers("127.0.0.1", 8080);
    await box.ok`rm -f web`;
    await noRules();
    assertEquals((await ruleset()).trim(), "table ip others {\n}");
    await host("nft", "flush", "ruleset");
  },
  NEEDS,
);

for (const variant of ["", "iptables"]) {
  test(`ports: FORWARD drops ${variant && "and all is iptables'"}: as before, and restored`, async (box) => {
    await using other = await machine();
    await host("iptables", "-P", "FORWARD", "DROP");
    const env: Record<string, string> = variant ? { MYDOCKER_FIREWALL: variant } : {};
    const before = await host(
      "sh",
      "-c",
      "iptables -S; iptables -t nat -S; iptables -t mangle -S; iptables -t raw -S",
    );
    await box.ok(words`run -d --name web -p 8080:80 ${SERVER}`, { env });
    for (const address of ["127.0.0.1", HERE]) await answers(address, 8080);
    assertEquals(await ask(HERE, 8080, from(other)), "hello");
    const address = (await box.inspect("web")).NetworkSettings.IPAddress;
    assertEquals(await ask(address, 80, from(other)), "");
    await box.ok(words`rm -f web`, { env });
    const after = () =>
      host("sh", "-c", "iptables -S; iptables -t nat -S; iptables -t mangle -S; iptables -t raw -S");
    await until("iptables is as before", async () => await after() === before);
    await host("nft", "flush", "ruleset");
  }, NEEDS);
}

test("ports: IPv6, from the host and by its address, and never on ::1", async (box) => {
  await host(
    "sh",
    "-c",
    "ip link add up0 type bridge && ip addr add fd00:99::1/64 dev up0 nodad && ip link set up0 up",
  );
  try {
    await box.ok`network create --ipv6 --subnet fd00:55::/64 six`;
    await box.ok`run -d --name web --network six -p 8080:80 ${SERVER}`;
    await answers("fd00:99::1", 8080);
    await answers("127.0.0.1", 8080);
    assertMatch(await box.ok`port web`, /80\/tcp -> :::8080/);
    const { code, stderr } = await box.$`run --network six -p [::1]:8081:80 busybox true`;
    assertEquals([code, stderr.includes("can't publish on [::1]:8081")], [125, true], stderr);
    await box.ok`rm -f web`;
    await noRules();
    // A port that can't be had for one family isn't kept for the other while the container runs.
    const taken = Deno.listen({ hostname: "fd00:99::1", port: 8090 });
    const ranged = ["--network", "six", "-p", "8090-8091:80"];
    await using web = box.spawn`run --name web ${ranged} busybox sh -c 'echo on; sleep 1000'`;
    await web.expect("on");
    assertEquals(new Set(/:\d+$/gm.exec(await box.ok`port web`)), new Set([":8091"]));
    Deno.listen({ hostname: "0.0.0.0", port: 8090 }).close();
    taken.close();
    await box.ok`rm -f web`;
    await web.end();
  } finally {
    await host("ip", "link", "del", "up0");
  }
}, NEEDS);

test("ports: modes without a network, and addresses that can't be", async (box) => {
  const onHost = await box.$`run --rm --network host -p 8080:80 busybox true`;
  assertEquals([onHost.code, onHost.stderr], [
    0,
    "WARNING: Published ports are discarded when using host network mode\n",
  ]);
  assertEquals(await box.ok`run --rm --network none -p 8080:80 busybox true`, "");
  const ipv6 = await box.$`run --rm -p [::1]:8080:80 busybox true`;
  assertEquals(ipv6.code, 125);
  assertMatch(
    ipv6.stderr,
    /can't publish on \[::1\]:8080: containers of network bridge have no IPv6 address/,
  );
  assertNotEquals(await ask("127.0.0.1", 8080), "hello");
  assertEquals(await ruleset(), "", "at once: nothing has run");
}, NEEDS);

/**
 * A client of UDP that keeps its socket: it sends a line for each that it gets, and prints what comes back
 * within a second.
 */
const UDP_CLIENT = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
print("ready")
for line in sys.stdin:
  s.sendto(line.encode(), (sys.argv[1], int(sys.argv[2])))
  try: print("got", s.recv(100).decode().strip())
  except OSError as error: print("none")
`;

/** Answers whatever comes with its name, until its stdin ends. */
const UDP_SERVER = `
import select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5000))
print("ready")
while sys.stdin not in select.select([s, sys.stdin], [], [])[0]:
  s.sendto(sys.argv[1].encode(), s.recvfrom(100)[1])
`;

for (const firewall of ["nftables", "iptables"]) {
  test(
    `ports: a UDP client reaches whoever has the port now, with the socket it always had (${firewall})`,
    async (box) => {
      const env = { MYDOCKER_FIREWALL: firewall };
      /** A container, and in its network a server. */
      const serve = async (name: string) => {
        await box.ok(words`run -d --name ${name} -p 7053:5000/udp busybox sleep 1000`, {
          env,
        });
        const inside = ["nsenter", "-t", String(await box.pidOf(name)), "-n"];
        const server = box.start`${inside} python3 -uc ${UDP_SERVER} ${name}`;
        await server.expect("ready");
        return server;
      };
      await using client = box.start`python3 -uc ${UDP_CLIENT} ${HERE} 7053`;
      await client.expect("ready");
      await host("ip", "addr", "add", `${HERE}/32`, "dev", "lo");
      const reaches = async (name: string) => {
        const before = client.stdout.length;
        await until(`it reaches ${name}`, async () => {
          await client.send("hello\n");
          return client.stdout.slice(before).includes(`got ${name}`);
        });
      };
      await client.send("before it is published\n");
      await client.expect("none");
      const one = await serve("one");
      await reaches("one");
      await one.send("", true);
      await one.end();
      await box.ok`rm -f one`;
      // Then the port's own host has it, and the address somebody else.
      await box.ok`run -d --name other busybox sleep 1000`;
      const two = await serve("two");
      await reaches("two");
      await two.send("", true);
      await two.end();
      await box.ok`rm -f two`;
      const entries = await host(
        "sh",
        "-c",
        "conntrack -L -p udp --orig-port-dst 7053 2>/dev/null || cat /proc/net/nf_conntrack",
      );
      assert(!/dport=7053/.test(entries), entries);
      await host("ip", "addr", "del", `${HERE}/32`, "dev", "lo");
      await box.ok`rm -f other`;
    },
    { ...NEEDS, seconds: 90 },
  );
}
