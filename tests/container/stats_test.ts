// stats: what containers use, seen by what they are known to do.

import { assert, assertEquals } from "@std/assert";
import { type Box, requires, test, until } from "../world/world.ts";
import { terminal } from "../world/pty.ts";

const TITLE = "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS";
const CLEAR = "\x1b[2J\x1b[H";

interface Shown {
  cpu: number;
  /** MiB. */
  memory: number;
  limit: string;
  percent: number;
  net: string;
  pids: number;
}

async function shown(box: Box, name: string): Promise<Shown> {
  const format = "{{.CPUPerc}}|{{.MemUsage}}|{{.MemPerc}}|{{.NetIO}}|{{.PIDs}}";
  const line = await box.ok`stats --no-stream --format ${format} ${name}`;
  const [cpu, usage, percent, net, pids] = line.split("|");
  const [, size, unit, limit] = /^([\d.]+)([KMG]i)?B \/ (.*)$/.exec(usage)!;
  const memory = Number(size) * { Ki: 1 / 1024, Mi: 1, Gi: 1024, "": 1 / 1024 / 1024 }[unit ?? ""]!;
  return {
    ...{ cpu: parseFloat(cpu), memory, limit, percent: parseFloat(percent), net },
    pids: Number(pids),
  };
}

test("stats: docker's table, of those that run, of all, and of those named", async (box) => {
  await box.ok`create --name created busybox true`;
  await box.ok`run -d --network none --name up busybox sleep 1000`;
  const [created, up] = [(await box.inspect("created")).Id, (await box.inspect("up")).Id];
  const nothing = "0.00%     0B / 0B             0.00%     0B / 0B   0B / 0B     0";
  const running = /^([0-9a-f]{12,64}) {3}up {8}0\.\d\d% {5}\S+iB \/ \S+iB *0\.\d\d% {5}0B \/ 0B {3}/;
  const lines = async (...args: string[]) => {
    return (await box.ok`container stats --no-stream ${args}`).split("\n");
  };
  assertEquals(
    await box.ok`stats --no-stream created`,
    [
      TITLE,
      `${created.slice(0, 12)}   created   ${nothing}`,
    ].join("\n"),
  );
  const [title, line, ...more] = await lines();
  assertEquals([title, more], [TITLE, []]);
  assertEquals(running.exec(line)?.[1], up.slice(0, 12), line);
  assertEquals(
    (await lines("-a")).slice(1).map((line) => line.slice(0, 12)),
    [up, created].map((id) => id.slice(0, 12)),
  );
  const [wide, first, second, ...rest] = await lines("--no-trunc", "created", "up", "created");
  assertEquals(
    [wide, first, rest],
    [TITLE.replace("ID", `ID${" ".repeat(52)}`), `${created}   created   ${nothing}`, []],
  );
  assertEquals(running.exec(second)?.[1], up);
  const template = "table {{.Container}}\t{{.Name}}\t{{.ID}}\t{{.PIDs}}";
  assertEquals(await lines("--format", template, "up"), [
    "CONTAINER   NAME      CONTAINER ID   PIDS",
    `up          up        ${up.slice(0, 12)}   1`,
  ]);
  assertEquals(JSON.parse(await box.ok`stats -a --no-stream --format json created`), {
    ...{ BlockIO: "0B / 0B", CPUPerc: "0.00%", Container: "created", ID: created.slice(0, 12) },
    ...{ MemPerc: "0.00%", MemUsage: "0B / 0B", Name: "created", NetIO: "0B / 0B", PIDs: "0" },
  });
  await box.ok`rm -f up`;
  assertEquals(await lines(), [TITLE]);
  assertEquals(await box.$`stats --no-stream no1 created no2`, {
    ...{ code: 1, stdout: "", out: new Uint8Array() },
    stderr: "mydocker: No such container: no1\nmydocker: No such container: no2\n",
  });
});

test("stats: processor time, memory without what can be given back, and processes", async (box) => {
  // Files in memory count; those that are only cached do not.
  const script = "head -c 30m /dev/zero >/dev/shm/kept; head -c 60m /dev/zero >/cached; sync; " +
    "sleep 1000 & sleep 1000 & while :; do :; done";
  await box.ok`run -d --network none --name burn -m 200m busybox sh -c ${script}`;
  await until("its processes are there", async () => (await shown(box, "burn")).pids === 3);
  const { memory, limit, percent, net } = await until("it burns", async () => {
    const now = await shown(box, "burn");
    // An emulated machine may stand still between two readings, which then say too much once.
    return now.cpu > 3 && now.cpu < 115 && now;
  });
  assert(memory > 30 && memory < 60, String(memory));
  assertEquals([limit, net], ["200MiB", "0B / 0B"]);
  assert(Math.abs(percent - memory / 2) < 0.1, String(percent));
  await box.ok`update --cpus 0.2 burn`;
  await until("it is throttled", async () => {
    const { cpu } = await shown(box, "burn");
    return cpu > 10 && cpu < 30;
  });
  await box.ok`pause burn`;
  const paused = await shown(box, "burn");
  assertEquals([paused.cpu, paused.pids], [0, 3]);
  await box.ok`rm -f burn`;
});

test("stats: what goes over a container's interfaces counts, but for the loopback", async (box) => {
  await box.ok`run -d --network none --name net busybox sleep 1000`;
  await box.ok`exec net ping -c1 127.0.0.1`;
  assertEquals((await shown(box, "net")).net, "0B / 0B");
  const inside = ["nsenter", "-t", String(await box.pidOf("net")), "-n", "ip", "link"];
  for (const words of ["add eth0 type veth peer name eth1", "set eth1 up", "set eth0 up"]) {
    assertEquals((await box.exec`${inside} ${words.split(" ")}`).stderr, "");
  }
  await until("its kernel has looked for neighbours", async () => {
    return !/\b0B\b/.test((await shown(box, "net")).net);
  });
  await box.ok`rm -f net`;
}, await requires("ip"));

/** Matches a line of the table, of which `cells` are columns from the second on; more may follow them. */
const line = (...cells: string[]) => `[0-9a-f]{12} +${cells.join(" +")} .*\r\n`;
/** Matches a table of these lines, up to where the next one begins. */
const whole = (...lines: string[]) => new RegExp(`PIDS\r\n${lines.join("")}\u001b`);

test("stats: the live table has those that come, and not those that are gone", async (box) => {
  await box.ok`run -d --network none --name one busybox sleep 1000`;
  await using table = terminal(box, ["stats"], { columns: 120 });
  assertEquals((await table.expect(TITLE)).replace(TITLE, ""), CLEAR);
  await table.expect(whole(line("one")));
  await box.ok`run -d --network none --name two busybox sleep 1000`;
  await table.expect(whole(line("one"), line("two")));
  await using named = terminal(box, ["stats", "one", "two"], { columns: 120 });
  await named.expect(whole(line("one", "[\\d.]+%", "\\S+iB"), line("two")));
  await box.ok`stop -t 0 one`;
  await table.expect(whole(line("two")));
  await named.expect(whole(line("one", "0\\.00%", "0B / 0B", "0\\.00%", "0B / 0B"), line("two")));
  await box.ok`rm one`;
  await named.expect(whole(line("one", "--", "-- / --", "--", "--", "--"), line("two")));
  await box.ok`rm -f two`;
  await table.expect(`${CLEAR}${TITLE}\r\n${CLEAR}`);
  for (const each of [table, named]) {
    each.send("\x03");
    assertEquals((await each.end()).signal, "SIGINT");
  }
});
