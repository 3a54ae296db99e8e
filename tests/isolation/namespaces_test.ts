// --pid, --ipc, --uts, --cgroupns: whose namespaces a container has, and how it lives and ends without its
// own.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";
import { host } from "../world/images.ts";

type Kind = "pid" | "ipc" | "uts" | "cgroup";
const KINDS: Kind[] = ["pid", "ipc", "uts", "cgroup"];
const FLAGS = { pid: "--pid", ipc: "--ipc", uts: "--uts", cgroup: "--cgroupns" };

const hosts = (kind: Kind) => Deno.readLinkSync(`/proc/self/ns/${kind}`);

async function namespaces(box: Box, argv: string[]): Promise<string[]> {
  const links = KINDS.map((kind) => `readlink /proc/self/ns/${kind}`).join("; ");
  return (await box.ok`${argv} sh -c ${links}`).split("\n");
}

/** The host's processes with this argument. */
function sleepers(seconds: string): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    try {
      return pid && Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").includes(seconds);
    } catch {
      return false;
    }
  });
}

/** A number of seconds to sleep that no other process is given. */
const unique = () => `${100000 + crypto.getRandomValues(new Uint32Array(1))[0] % 800000}.5`;

const groupsOf = (id: string) =>
  ["", ...[...Deno.readDirSync("/sys/fs/cgroup")].map(({ name }) => `/${name}`)].filter((path) => {
    try {
      return Deno.statSync(`/sys/fs/cgroup${path}/mydocker-${id}`).isDirectory;
    } catch {
      return false;
    }
  });

test("run --pid, --ipc, --uts, --cgroupns: the host's, or its own", async (box) => {
  const own = await namespaces(box, ["run", "--rm", "busybox"]);
  const asked = KINDS.flatMap((kind) => [FLAGS[kind], "private"]);
  const again = await namespaces(box, ["run", "--rm", ...asked, "busybox"]);
  for (const [index, kind] of KINDS.entries()) {
    assertNotEquals(own[index], hosts(kind), `${kind} of its own`);
    assertNotEquals(again[index], hosts(kind), `${kind} private`);
    const shared = await namespaces(box, ["run", "--rm", FLAGS[kind], "host", "busybox"]);
    assertEquals(shared.map((name, at) => name === hosts(KINDS[at])), KINDS.map((other) => other === kind));
  }
});

test("run --uts host: the host's name, which it can't be given another for", async (box) => {
  assertEquals(await box.ok`run --rm --uts host busybox hostname`, Deno.hostname());
  const { code, stderr } = await box.$`run --uts host -h x busybox true`;
  assertEquals([code, stderr], [125, "mydocker: conflicting options: hostname and the UTS mode\n"]);
});

test("run --ipc host, none: /dev/shm is the host's, or there is none", async (box) => {
  const name = `mydocker-test-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(`/dev/shm/${name}`, "the host's");
  try {
    const read = ["busybox", "cat", `/dev/shm/${name}`];
    assertEquals(await box.ok`run --rm --ipc host ${read}`, "the host's");
    assertEquals((await box.$`run --rm ${read}`).code, 1);
  } finally {
    Deno.removeSync(`/dev/shm/${name}`);
  }
  assertEquals((await box.$`run --rm --ipc none busybox ls /dev/shm`).code, 1);
});

test("run --X container: another's namespaces, /dev/shm and exec among them", async (box) => {
  const donor = ["run", "-d", "--name", "donor", "--ipc", "shareable", "busybox"];
  await box.ok`${donor} sh -c 'echo shared >/dev/shm/x; exec sleep 1000'`;
  await until(
    "it is written",
    async () => (await box.$`exec donor test -s /dev/shm/x`).code === 0,
  );
  const join = KINDS.flatMap((kind) => [FLAGS[kind], "container:donor"]);
  const theirs = await namespaces(box, ["exec", "donor"]);
  assertEquals(await namespaces(box, ["run", "--rm", ...join, "busybox"]), theirs);
  const script = "hostname; cat /dev/shm/x; echo back >/dev/shm/y; cat /proc/1/comm; sleep 1000";
  await box.ok`run -d --name guest ${join} busybox sh -c ${script}`;
  const id = (await box.inspect("donor")).Id;
  const said = `${id.slice(0, 12)}\nshared\nsleep\n`;
  await until("it has looked", async () => await box.ok`logs guest` + "\n" === said);
  assertEquals(await box.ok`exec donor cat /dev/shm/y`, "back");
  assertEquals(await namespaces(box, ["exec", "guest"]), theirs);
  const { PidMode, IpcMode } = (await box.inspect("guest")).HostConfig;
  assertEquals([PidMode, IpcMode], [`container:${id}`, `container:${id}`]);
  await box.ok`rm -f guest donor`;
});

test("run --pid host: its remaining processes end with the first, those of exec too", async (box) => {
  const seconds = unique();
  const script = `setsid sleep ${seconds} & (sleep ${seconds} &); read line; exit 3`;
  const running = box.spawn`run -i --name main --pid host busybox sh -c ${script}`;
  await until("both sleep", () => sleepers(seconds).length === 2);
  await box.ok`exec -d main sh -c 'setsid sleep ${seconds} & sleep ${seconds}'`;
  await until("all sleep", () => sleepers(seconds).length >= 4);
  const id = (await box.inspect("main")).Id;
  assert(groupsOf(id).length > 0);
  await running.send("\n");
  assertEquals((await running.end()).code, 3);
  assertEquals([sleepers(seconds), groupsOf(id)], [[], []]);
  await running[Symbol.asyncDispose]();
  await box.ok`rm main`;
});

test("run --pid host: top, pause, stop and exec are of the container alone", async (box) => {
  const seconds = unique();
  const script = `(sleep ${seconds} &); exec sleep ${seconds}`;
  await box.ok`run -d --name main --pid host busybox sh -c ${script}`;
  await until("both sleep", () => sleepers(seconds).length === 2);
  const shown = await box.ok`top main -o pid,args`;
  assertEquals(shown.split("\n").slice(1).map((line) => line.split(/ +/).slice(1).join(" ")), [
    `sleep ${seconds}`,
    `sleep ${seconds}`,
  ]);
  await box.ok`pause main`;
  for (const pid of sleepers(seconds)) {
    assertMatch(Deno.readTextFileSync(`/proc/${pid}/cgroup`), /freezer:.*mydocker|^0::.*mydocker/m);
  }
  await box.ok`unpause main`;
  assertMatch(await box.ok`ps`, / Up .* main$/m);
  await box.ok`stop -t 0 main`;
  assertEquals(sleepers(seconds), []);
  await box.ok`start main`;
  await until("both sleep again", () => sleepers(seconds).length === 2);
  await box.ok`rm -f main`;
  assertEquals(sleepers(seconds), []);
});

test("run --pid host --init: it ends as the command does, which gets its signals", async (box) => {
  const seconds = unique();
  const flags = ["--pid", "host", "--init"];
  const left = await box.$`run --rm ${flags} busybox sh -c 'sleep ${seconds} & exit 4'`;
  assertEquals([left.code, sleepers(seconds)], [4, []]);
  const script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
  await box.ok`run -d --name main ${flags} busybox sh -c ${script}`;
  await until("it is ready", async () => await box.ok`logs main` === "ready");
  await box.ok`stop main`;
  assertEquals((await box.inspect("main")).State.ExitCode, 7);
  await box.ok`rm main`;
});

test("run --pid container: in an image without /proc", async (box) => {
  const BUSYBOX = "/bin/busybox";
  await box.ok`run --name donor -d --network none busybox sleep 1000`;
  await box.ok`cp donor:${BUSYBOX} ${box.path("busybox")}`;
  await host("tar", "-cf", box.path("bare.tar"), "-C", box.dir, "busybox");
  await box.ok`import ${box.path("bare.tar")} bare`;
  const join = ["run", "--rm", "--network", "none", "--pid", "container:donor", "bare"];
  assertEquals(await box.ok`${join} /busybox echo in`, "in");
  await box.ok`rm -f donor`;
});

test("run --pid container: it ends with the other, and can't start without", async (box) => {
  const seconds = unique();
  await box.ok`run -d --name donor busybox sleep 1000`;
  const guest = ["run", "-d", "--name", "guest", "--pid", "container:donor", "busybox"];
  await box.ok`${guest} sh -c '(sleep ${seconds} &); exec sleep ${seconds}'`;
  await until("both sleep", () => sleepers(seconds).length === 2);
  const donor = (await box.inspect("donor")).Id;
  // Of its own end, too: its orphans are the other's.
  await box.ok`kill guest`;
  assertEquals(sleepers(seconds), []);
  assertEquals((await box.inspect("donor")).State.Running, true);
  await box.ok`start guest`;
  await box.ok`stop -t 0 donor`;
  await until("it has ended", async () => (await box.inspect("guest")).State.Status === "exited");
  assertEquals((await box.inspect("guest")).State.ExitCode, 137);
  const start = await box.$`start guest`;
  assertEquals(start.code, 1);
  assertMatch(start.stderr, new RegExp(`^mydocker: container ${donor} is not running\n`));
  await box.ok`start donor guest`;
  await box.ok`rm -f donor`;
  await until("it has ended", async () => (await box.inspect("guest")).State.Status === "exited");
  const gone = `cannot join PID of a non running container: ${donor}: No such container: ${donor}`;
  assertMatch((await box.$`start guest`).stderr, new RegExp(`^mydocker: ${gone}\n`));
  assertEquals((await box.inspect("guest")).State.Error, gone);
  assertEquals(groupsOf((await box.inspect("guest")).Id), []);
  await box.ok`rm guest`;
});

test("run --pid container --rm, --restart: what follows its end is done outside of the namespace", async (box) => {
  await box.ok`run -d --name donor busybox sleep 1000`;
  const joined = ["run", "-d", "--pid", "container:donor"];
  await box.ok`${joined} --name once --rm busybox true`;
  await until("it is removed", async () => (await box.$`inspect once`).code === 1);
  await box.ok`${joined} --name twice --restart on-failure:1 busybox false`;
  await until("it was started again and gave up", async () => {
    const { RestartCount, State } = await box.inspect("twice");
    return RestartCount === 1 && State.Status === "exited";
  });
  await box.ok`rm -f twice donor`;
});

test("run --pid host: a start that fails leaves nothing", async (box) => {
  const { code } = await box.$`create --name main --pid host busybox /nosuch`;
  assertEquals(code, 0);
  const start = await box.$`start main`;
  assertMatch(start.stderr, /^mydocker: .*\/nosuch.*no such file or directory/);
  assertEquals(groupsOf((await box.inspect("main")).Id), []);
});

test("run --pid, --ipc, --uts, --cgroupns: what docker refuses, in its words", async (box) => {
  await box.ok`create --name stopped busybox true`;
  const id = (await box.inspect("stopped")).Id;
  await box.ok`run -d --name closed busybox sleep 1000`;
  const closed = (await box.inspect("closed")).Id;
  for (
    const [flags, message] of [
      ["--pid=nosuch", "--pid: invalid PID mode"],
      ["--pid=container:", "--pid: invalid PID mode"],
      ["--uts=nosuch", "--uts: invalid UTS mode"],
      ["--cgroupns=nosuch", "--cgroupns: invalid CGROUP mode"],
      ["--ipc=nosuch", "Invalid IPC mode: nosuch"],
      ["--ipc=container:", `can't join IPC of container : invalid name or ID supplied: ""`],
      ["--pid=container:nosuch", "No such container: nosuch"],
      ["--ipc=container:nosuch", "No such container: nosuch"],
      ["--pid=container:stopped", `container ${id} is not running`],
      ["--ipc=container:stopped", `can't join IPC of container ${id}: container ${id} is not running`],
      [
        "--ipc=container:closed",
        `can't join IPC of container ${closed}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      ],
    ]
  ) {
    const { code, stderr } = await box.$`run --rm ${flags} busybox true`;
    assertEquals([code, stderr], [125, `mydocker: ${message}\n`]);
  }
  const created = await box.$`create --pid container:nosuch busybox true`;
  assertEquals([created.code, created.stderr], [125, "mydocker: No such container: nosuch\n"]);
  await box.ok`rm -f closed stopped`;
});
