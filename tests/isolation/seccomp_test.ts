// Filters of system calls and --security-opt, as a container meets them.

import { assertEquals, assertMatch } from "@std/assert";
import { outputOf } from "../world/busy.ts";
import { type Box, test } from "../world/world.ts";
import { makeCaller, makeProgram, type Probe, results } from "./seccomp_probe.ts";
import { defaultFilter } from "../../lib/seccomp/default.ts";
import { systemCalls } from "../../lib/seccomp/numbers.ts";
import { capabilitiesOf } from "../../lib/security/capabilities.ts";

const CALLS = systemCalls(Deno.build.arch === "aarch64" ? "AARCH64" : "X86_64");
const [EPERM, ENOSYS] = [1, 38];

/** With arguments that make no sense, should the call get through. */
const ATTEMPTS: [call: string, args: number[]][] = [
  ...["keyctl", "add_key", "request_key"].map((call): [string, number[]] => [call, [-1, -1, -1, -1, -1]]),
  ...["userfaultfd", "unshare", "setns"].map((call): [string, number[]] => [call, [-1, -1]]),
  ...["mount", "umount2", "pivot_root", "open_tree", "fsopen", "move_mount"].map((
    call,
  ): [string, number[]] => [
    call,
    [-1, -1, -1, -1, -1],
  ]),
  ...["bpf", "perf_event_open", "kexec_load", "init_module", "finit_module", "delete_module"].map((
    call,
  ): [string, number[]] => [call, [-1, -1, -1, -1, -1]]),
  ...["clock_settime", "settimeofday", "reboot", "swapon", "acct", "syslog", "process_vm_readv", "kcmp"].map((
    call,
  ): [string, number[]] => [call, [-1, -1, -1, -1, -1]]),
  ["personality", [0x40000]],
  ["socket", [40, 1, 0]],
];

/** Runs the calls in a container; their results. */
async function attempt(box: Box, flags: string[]): Promise<number[]> {
  const probes = [...ATTEMPTS, ["clone3", [0, 0]] as const].map((
    [call, args],
  ): Probe => [CALLS.get(call)!, ...args]);
  makeCaller(box.path("caller"), probes);
  const { code, out, stderr } = await box.$`${[
    "run",
    "--rm",
    ...flags,
    "-v",
    `${box.dir}/caller:/caller:ro`,
    "busybox",
    "/caller",
  ]}`;
  assertEquals([code, stderr], [0, ""]);
  return results(out);
}

test("run: what docker's filter refuses is refused with its errno, and is there without the filter", async (box) => {
  const expected = [...ATTEMPTS.map(() => -EPERM), -ENOSYS];
  assertEquals(await attempt(box, []), expected);
  const without = await attempt(box, ["--security-opt", "seccomp=unconfined"]);
  // The rest is refused for want of capabilities, too, or not there in this kernel.
  for (const call of ["keyctl", "userfaultfd", "unshare", "setns"]) {
    const index = ATTEMPTS.findIndex(([name]) => name === call);
    if (without[index] !== -ENOSYS) assertEquals(without[index] !== -EPERM, true, call);
  }
  assertEquals(without.at(-1), -22); // EINVAL
});

/** The newest filter of a process, as the kernel has it. */
function filterOf(box: Box, pid: number): Uint8Array {
  const [SEIZE, INTERRUPT, GET_FILTER] = [0x4206, 0x4207, 0x420c];
  makeProgram(box.path("reader"), {}, (p) => {
    const [count, bytes, code] = [p.cell(), p.cell(), p.reserve(8 * 4096)];
    p.call("ptrace", [SEIZE, pid, 0, 0]);
    p.call("ptrace", [INTERRUPT, pid, 0, 0]);
    p.call("wait4", [pid, 0, 0x40000000, 0]); // __WALL
    p.call("ptrace", [GET_FILTER, pid, 0, code], { store: count });
    p.set(bytes, 0);
    for (let times = 0; times < 8; times++) {
      const minus = p.cell();
      p.subtract(0, count, { store: minus });
      p.subtract(bytes, minus, { store: bytes });
    }
    p.call("write", [1, code, bytes]);
  });
  const { code, stdout } = outputOf(box.path("reader"), {});
  assertEquals(code, 0);
  return stdout;
}

test("run, exec: the filter that is installed is the default one", async (box) => {
  await box.ok`run -d --name c1 busybox sleep 1000`;
  const expected = defaultFilter(capabilitiesOf({}));
  assertEquals(filterOf(box, await box.pidOf("c1")), expected);
  for (const flags of [[], ["--privileged"], ["-u", "1000"]]) {
    const status = await box.ok`exec ${flags} c1 grep -E '^(Seccomp|NoNewPrivs)' /proc/self/status`;
    assertEquals(status.replace(/\s+/g, " "), "NoNewPrivs: 0 Seccomp: 2 Seccomp_filters: 1");
  }
  await box.ok`rm -f c1`;
});

test("--security-opt no-new-privileges: a set-user-ID program has its caller's rights, in exec, too", async (box) => {
  const geteuid = CALLS.get("geteuid")!;
  makeCaller(box.path("who"), [[geteuid]]);
  Deno.chmodSync(box.path("who"), 0o4755);
  const mount = ["-v", `${box.dir}/who:/who:ro`];
  const user = async (...flags: string[]) =>
    results((await box.$`run --rm -u 1000 ${mount} ${flags} busybox /who`).out);
  assertEquals(await user(), [0]);
  assertEquals(await user("--security-opt", "no-new-privileges=false"), [0]);
  for (const spelling of ["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"]) {
    assertEquals(await user("--security-opt", spelling), [1000], spelling);
  }
  assertEquals(await user("--security-opt", "no-new-privileges", "--init"), [1000]);
  const options = ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"];
  await box.ok`run -d --name c1 ${mount} ${options} busybox sleep 1000`;
  const { out } = await box.$`exec -u 1000 c1 /who`;
  assertEquals(results(out), [1000]);
  assertEquals((await box.inspect("c1")).HostConfig.SecurityOpt, ["no-new-privileges", "seccomp=unconfined"]);
  await box.ok`rm -f c1`;
});

const NO_MKDIR = `{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [{ "names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }]
}`;

test("--security-opt seccomp=FILE: run, start and exec obey the profile, after its file is gone", async (box) => {
  const path = box.path("profile.json", NO_MKDIR);
  const script = "mkdir /x; echo $?";
  const refused = ["1\n", "mkdir: can't create directory '/x': Read-only file system\n"];
  const once = await box.$`${[
    "run",
    "--rm",
    "--security-opt",
    "seccomp=profile.json",
    "busybox",
    "sh",
    "-c",
    script,
  ]}`;
  assertEquals([once.stdout, once.stderr], refused);
  await box.ok`${["create", "--name", "c1", "--security-opt", `seccomp=${path}`, "busybox"]} ${[
    "sh",
    "-c",
    `${script}; sleep 1000`,
  ]}`;
  Deno.removeSync(path);
  await box.ok`start c1`;
  const inside = await box.$`exec c1 sh -c ${script}`;
  assertEquals([inside.stdout, inside.stderr], refused);
  assertEquals((await box.inspect("c1")).HostConfig.SecurityOpt, [
    "seccomp=" + JSON.stringify(JSON.parse(NO_MKDIR)),
  ]);
  await box.ok`rm -f c1`;
});

/** A profile that allows everything but what these rules say. */
const allowing = (rules: unknown) => JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules });
const refusing = (rule: Record<string, unknown>) =>
  allowing([{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", ...rule }]);

const BROKEN: [profile: string, error: RegExp][] = [
  ["", /^mydocker: compacting json for seccomp profile \(p\) failed: Unexpected end of JSON input$/],
  ["[]", /the profile is not an object \(in p\)/],
  ['{"syscalls":[{"names":["x"],"action":"SCMP_ACT_ALLOW"}]}', /string {2}is not a valid action for seccomp/],
  [allowing([{ names: "mkdir" }]), /syscalls\[0\]\.names is not a list \(in p\)/],
  [refusing({ action: "SCMP_ACT_NO" }), /string SCMP_ACT_NO is not a valid action for seccomp/],
  [refusing({ action: "SCMP_ACT_NOTIFY" }), /needs a listener/],
  [refusing({ name: "mkdir" }), /'name' and 'names' were specified/],
  [refusing({ errnoRet: "EPERM" }), /syscalls\[0\]\.errnoRet is not a whole number from 0 on/],
  [
    refusing({ args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] }),
    /only have up to 6 arguments \(index 6 given\)/,
  ],
  [refusing({ args: [{ index: 0, value: 0, op: "==" }] }), /string == is not a valid operator for seccomp/],
  [
    refusing({ args: [{ index: 0, value: -1, op: "SCMP_CMP_EQ" }] }),
    /args\[0\]\.value is not a whole number of 64 bits/,
  ],
  [refusing({ includes: { minKernel: "six" } }), /invalid kernel version: "six"/],
  ['{"defaultAction":"SCMP_ACT_ERRNO"}', /must allow exit_group/],
  [
    '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["PDP11"]}',
    /string PDP11 is not a valid arch for seccomp/,
  ],
];

test("--security-opt: mistakes are one line, 125, and leave no container", async (box) => {
  for (const [profile, error] of BROKEN) {
    box.path("p", profile);
    const result = await box.$`run --security-opt seccomp=p busybox true`;
    assertEquals([result.code, result.stdout], [125, ""], profile);
    assertMatch(result.stderr.trimEnd(), error);
  }
  for (const option of ["", "foo", "seccomp", "seccomp=", "label", "label="]) {
    const result = await box.$`run --security-opt ${option} busybox true`;
    assertEquals([result.code, result.stderr], [125, `mydocker: Invalid --security-opt: "${option}"\n`]);
  }
  for (const option of ["foo=bar", "no-new-privileges=maybe", "no-new-privileges:", "systempaths=off"]) {
    const result = await box.$`run --security-opt ${option} busybox true`;
    assertEquals([result.code, result.stderr], [125, `mydocker: invalid --security-opt 2: "${option}"\n`]);
  }
  const missing = await box.$`run --security-opt seccomp=/no/such busybox true`;
  assertEquals(
    missing.stderr,
    "mydocker: opening seccomp profile (/no/such) failed: open /no/such: no such file or directory\n",
  );
  assertEquals(await box.ok`ps -aq`, "");
}, { seconds: 120 });

/** What busybox's mkdir, with modes 777 and 700, makes of a profile. */
async function made(box: Box, profile: string): Promise<string> {
  box.path("p", profile);
  const script =
    "mkdir -m 777 /a 2>/dev/null; mkdir -m 700 /b 2>/dev/null; ls -d /a /b 2>/dev/null | tr -d '\\n'; true";
  return await box.ok`run --rm --security-opt seccomp=p busybox sh -c ${script}`;
}

test(
  "--security-opt seccomp=FILE: conditions, capabilities, kernels and architectures are heeded",
  async (box) => {
    const architecture = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
    const cases: [rule: Record<string, unknown>, directories: string][] = [
      [{}, ""],
      [{ includes: { caps: ["CAP_SYS_ADMIN"] } }, "/a/b"],
      [{ includes: { caps: ["CAP_CHOWN", "CAP_KILL"] } }, ""],
      [{ includes: { caps: ["CAP_NO_SUCH"] } }, "/a/b"],
      [{ excludes: { caps: ["CAP_CHOWN"] } }, "/a/b"],
      [{ includes: { arches: [architecture] } }, ""],
      [{ includes: { arches: ["s390x"] } }, "/a/b"],
      [{ excludes: { arches: [architecture] } }, "/a/b"],
      [{ includes: { minKernel: "4.8" } }, ""],
      [{ includes: { minKernel: "99.0" } }, "/a/b"],
      [{ excludes: { minKernel: "4.8" } }, "/a/b"],
      [{ action: "SCMP_ACT_LOG" }, "/a/b"],
      [{ action: "SCMP_ACT_KILL_PROCESS" }, ""],
    ];
    for (const [rule, directories] of cases) {
      assertEquals(await made(box, refusing(rule)), directories, JSON.stringify(rule));
    }
    assertEquals(await made(box, "{}"), "/a/b");
  },
  { seconds: 120 },
);

test("--security-opt systempaths=unconfined: nothing of /proc is masked", async (box) => {
  const script = ": >/proc/sys/net/ipv4/ip_forward";
  const masked = await box.$`run --rm busybox sh -c ${script}`;
  assertMatch(masked.stderr, /Read-only file system/);
  await box.ok`run --rm --security-opt systempaths=unconfined busybox sh -c ${script}`;
});
