// Calls by which a container could change the kernel that it shares, or look into it: refused with docker's errno. With
// the arguments that they have here they would do nothing, or only to the process that makes them.

// @ts-types="./assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { attack, attackInDocker, attackOutside, type Call, ints, type Outcome, words } from "./attacker.ts";
import { withDocker } from "./docker.ts";
import { requires, test } from "./helpers.ts";

const PROCESS_KEYRING = -2;
const [BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY] = [0, 2];
const [PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE_VER0] = [1, 64];
const [ADJ_TICK, ADDR_NO_RANDOMIZE, SYSLOG_ACTION_SIZE_BUFFER, KCMP_VM] = [0x4000, 0x40000, 10, 1];
const perfEvent = new Uint8Array([...ints(PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE_VER0), ...new Uint8Array(56)]);
const timex = new Uint8Array([...ints(ADJ_TICK, 0), ...new Uint8Array(240)]);

/** By the capability that would allow them (none: any process may), what they come to then. */
const CALLS: Record<string, [call: Call, allowed: Outcome][]> = {
  "": [
    [["keyctl", 0, PROCESS_KEYRING, 1], "done"],
    [["add_key", "user", "mydocker-test", "x", 1, PROCESS_KEYRING], "done"],
    [["request_key", "user", "mydocker-none", 0, 0], "ENOKEY"],
    [["userfaultfd", 1], "done"],
    [["personality", ADDR_NO_RANDOMIZE], "done"],
  ],
  SYS_ADMIN: [
    [["bpf", BPF_MAP_CREATE, ints(BPF_MAP_TYPE_ARRAY, 4, 8, 1), 16], "done"],
    [["perf_event_open", perfEvent, 0, -1, -1, 0], "done"],
    [["fanotify_init", 0, 0], "done"],
    [["sethostname", "renamed", 7], "done"],
    [["setdomainname", "renamed", 7], "done"],
    // Of no device.
    [["quotactl", 0, 0, 0, 0], "ENODEV"],
  ],
  SYS_TIME: [
    [["settimeofday", 0, 0], "done"],
    // Two seconds' worth of nanoseconds, and a tick of none.
    [["clock_settime", 0, words(0, 2_000_000_000)], "EINVAL"],
  ],
  SYS_BOOT: [
    // Without the magic numbers.
    [["reboot", 0, 0, 0, 0], "EINVAL"],
  ],
  SYSLOG: [[["syslog", SYSLOG_ACTION_SIZE_BUFFER, 0, 0], "done"]],
  SYS_PTRACE: [[["kcmp", 1, 1, KCMP_VM, 0, 0], "done"]],
  SYS_NICE: [[["set_mempolicy", 0, 0, 0], "done"]],
};

/** With flags that there are not. No capability opens the filter for it. */
const KEXEC: Call = ["kexec_load", 0, 0, 0, 8];

/** Not called at all by others than root of all, whom the machine may not have. */
const MODULES: Call[] = [
  ["init_module", "", 0, ""],
  ["finit_module", -1, "", 0],
  ["delete_module", "mydocker_none", 0],
];

const calls = (capability: string) => CALLS[capability].map(([call]) => call);
const EVERY = Object.keys(CALLS).flatMap(calls).concat([KEXEC]);

/** That a kernel lacks a call altogether says nothing. */
function assertAllowed(capability: string, outcomes: Outcome[], where: string): void {
  const expected = CALLS[capability].map(([, allowed], index) =>
    outcomes[index] === "ENOSYS" ? "ENOSYS" : allowed
  );
  assertEquals(outcomes, expected, where);
  assert(outcomes.some((outcome) => outcome !== "ENOSYS"));
}

test("outside of a container, all of them are allowed", async (box) => {
  for (const capability of Object.keys(CALLS)) {
    assertAllowed(
      capability,
      attackOutside(box, calls(capability), ["unshare", "--uts", "--pid", "--fork"]),
      "outside",
    );
  }
  assertEquals(
    attackOutside(box, [KEXEC]).filter((outcome) => outcome !== "ENOSYS" && outcome !== "EINVAL"),
    [],
  );
  await Promise.resolve();
});

test("keys, tracing, the clock, the kernel and its modules: refused", async (box) => {
  const all = [...EVERY, ...MODULES];
  assertEquals(await attack(box, all), all.map(() => "EPERM"));
  assertEquals(await attack(box, [["adjtimex", timex]]), ["EPERM"]);
  assertEquals(await attack(box, [["adjtimex", timex]], ["--cap-add", "SYS_TIME"]), ["EINVAL"]);
});

test("each of them is allowed by the capability that is for it, and by no filter", async (box) => {
  assertAllowed("", await attack(box, calls(""), ["--security-opt", "seccomp=unconfined"]), "unconfined");
  for (const capability of Object.keys(CALLS).filter(Boolean)) {
    const flags = ["--cap-add", capability];
    assertAllowed(capability, await attack(box, calls(capability), flags), flags.join(" "));
  }
  const unconfined = ["--security-opt", "seccomp=unconfined"];
  const [kexec] = await attack(box, [KEXEC], ["--cap-add", "SYS_BOOT", ...unconfined]);
  assert(kexec !== "EPERM");
  // The second wall, behind the filter.
  const guarded = [
    ...calls("SYS_BOOT"),
    KEXEC,
    ...MODULES,
    calls("SYS_TIME")[0],
    ...calls("SYS_ADMIN").slice(2, 5),
  ];
  const refused = await attack(box, guarded, unconfined);
  assertEquals(refused.filter((outcome) => outcome !== "ENOSYS" && outcome !== "EPERM"), []);
}, { seconds: 60 });

test("docker gives the same errnos, with and without its filter, and with capabilities", async (box) => {
  const all: Call[] = [...EVERY, ...MODULES, ["adjtimex", timex]];
  const every = [[], ["--security-opt", "seccomp=unconfined"], ["--cap-add", "SYS_ADMIN"], [
    "--cap-add",
    "SYS_TIME",
  ]];
  await withDocker(box, async (docker) => {
    for (const flags of every) {
      assertEquals(
        await attack(box, all, flags),
        await attackInDocker(box, docker, all, flags),
        flags.join(" "),
      );
    }
  });
}, { ...await requires("dockerd"), seconds: 120 });
