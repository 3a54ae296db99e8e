// /etc/hosts of a container is written by whoever joins one of its networks. What root in the container makes
// of that file must not be felt by others: not in time, not in memory, and not by what they wait for.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";
import { makeAttack } from "./attacker.ts";

const F_WRLCK = 1;
const [F_SETLEASE, F_OFD_SETLK] = [1024, 37];
const LOCK_EX = 2;
const O_RDWR = 2;
const AT_FDCWD = -100;

/** A program that opens /etc/hosts, makes a call on it, says so, and stays. */
function makeHolder(path: string, [name, ...args]: [name: string, ...args: (number | Uint8Array)[]]): void {
  makeAttack(path, (p, call) => {
    const fd = p.cell();
    call("openat", [AT_FDCWD, p.string("/etc/hosts"), O_RDWR, 0], { store: fd });
    call(name, [fd, ...args.map((arg) => typeof arg === "number" ? arg : p.bytes(arg))]);
    call("write", [1, p.string("held\n"), 5]);
    call("pause", []);
  });
}

/** struct flock of the whole file. */
const WHOLE = new Uint8Array(new BigInt64Array([BigInt(F_WRLCK), 0n, 0n, 0n]).buffer);

const HOLDERS: Record<string, [name: string, ...args: (number | Uint8Array)[]]> = {
  "a lease": ["fcntl", F_SETLEASE, F_WRLCK],
  "a lock": ["fcntl", F_OFD_SETLK, WHOLE],
  "a lock of the other kind": ["flock", LOCK_EX],
};

/** Joins take a second; each of these attacks made them last for at least half a minute, or fail. */
async function joinsQuickly(box: Box): Promise<string> {
  const started = performance.now();
  const run = ["run", "--rm", "--network", "net", "busybox", "true"];
  const { code, stderr } = await box.$(run);
  assertEquals(code, 0, stderr);
  assert(performance.now() - started < 15_000, `it took ${performance.now() - started} ms`);
  return stderr;
}

for (const [what, call] of Object.entries(HOLDERS)) {
  test(`hosts: ${what} on it holds up nobody`, async (box) => {
    await box.ok`network create net`;
    makeHolder(box.path("holder"), call);
    const flags = ["-d", "--name", "bad", "--network", "net", "-v", `${box.dir}/holder:/holder`];
    await box.ok`run ${flags} busybox /holder`;
    await until("it is held", async () => (await box.ok`logs bad`) === "held");
    await joinsQuickly(box);
    await box.ok`rm -f bad`;
    await box.ok`network rm net`;
  });
}

const CONTENTS: Record<string, [script: string, stderr: RegExp]> = {
  "a hole of 5 GB": ["truncate -s 5G /etc/hosts", /bad: its \/etc\/hosts is larger than 1 MiB/],
  "40 MB": ["head -c 40000000 /dev/zero | tr '\\0' '\\n' >/etc/hosts", /larger than 1 MiB/],
  "a program that runs": [
    "cat /pauser >/etc/hosts; chmod +x /etc/hosts; /etc/hosts & :",
    /bad: its \/etc\/hosts can't be opened: text file busy/,
  ],
  "bytes that are no text": ["printf '\\377\\376\\200 x\\n' >>/etc/hosts", /^$/],
};

for (const [what, [script, stderr]] of Object.entries(CONTENTS)) {
  test(`hosts: with ${what}, it holds up nobody, and is left alone where it can't be kept`, async (box) => {
    await box.ok`network create net`;
    await box.ok`run -d --name good --network net busybox sleep 1000`;
    makeAttack(box.path("pauser"), (_, call) => call("pause", []));
    const flags = ["-d", "--name", "bad", "--network", "net", "-v", `${box.dir}/pauser:/pauser`];
    await box.ok`run ${flags} busybox sh -c '${script}; echo done; exec sleep 1000'`;
    await until("it is done", async () => (await box.ok`logs bad`) === "done", 60);
    const before = await box.ok`exec bad stat -c '%s %y' /etc/hosts`;
    assertMatch(await joinsQuickly(box), stderr);
    await box.ok`run -d --name later --network net busybox sleep 1000`;
    assertMatch(await box.ok`exec good cat /etc/hosts`, /\tlater /);
    if (what.startsWith("bytes")) {
      const { out } = await box.$`exec bad cat /etc/hosts`;
      const bytes = out.indexOf(0xff);
      assertEquals([...out.subarray(bytes, bytes + 6)], [0xff, 0xfe, 0x80, 0x20, 0x78, 0x0a]);
    } else {
      assertEquals(await box.ok`exec bad stat -c '%s %y' /etc/hosts`, before);
    }
    await box.ok`network connect bridge bad`;
    await box.ok`network disconnect bridge bad`;
    await box.ok`rm -f good bad later`;
    await box.ok`network rm net`;
  }, { seconds: 120 });
}
