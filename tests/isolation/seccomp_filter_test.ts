// The default filter's verdict on every system call: on x86_64 by the kernel that runs it, held against what
// the filter of a container of docker's 20.10.24 (read with PTRACE_SECCOMP_GET_FILTER) was seen to refuse.

import { assertEquals } from "@std/assert";
import { bare } from "../world/world.ts";
import { type Answer, probe, probe32 } from "./seccomp_probe.ts";
import { compileDefault } from "../../lib/seccomp/compile_default.ts";
import { defaultFilter, openGates } from "../../lib/seccomp/default.ts";
import { type Abi, systemCalls } from "../../lib/seccomp/numbers.ts";
import { capabilitiesOf } from "../../lib/security/capabilities.ts";
import { capabilityNumber } from "../../lib/security/capability_names.ts";

const [EPERM, ENOSYS] = [1, 38];
const COUNT = 480;
/**
 * uretprobe and uprobe of x86_64: only the kernel's own code makes them, and newer kernels let no filter see
 * them.
 */
const UNSEEN = [335, 336];
const X32 = 0x40000000;

/**
 * What docker refuses with EPERM up to its last one, futex_waitv (449); 32-bit x86's socketcall (102) only
 * since 29.
 */
const REFUSED = {
  X86_64: `
    103 134 136 139 153 155-156 163-185 212 227 236-239 246 248-250 256 272 279 298 300 303-304 308 310-313 320-321 323
    329-331 336-423 428-433 438 440 442-443`,
  X86: `
    17-18 21-22 25 28 31-32 34-35 44 48 51-53 56 58-59 62 67-69 72-74 79 84 86-89 98 101-103 109-113 115 121 127-131
    134-135 137 149 166-167 169 188-189 217 222-223 251 253 264 273-276 283 285-288 294 310 317 336 338 341-342 346-350
    357 374 380-382 387-392 404 415 428-433 438 440 442-443`,
  X32: `
    13 15-16 19-20 45-47 54-55 59 101 103 127-129 131 134 136 139 153 155-156 163-185 205-206 209 211-212 214-215 222
    227 236-239 244 246-250 256 272-274 278-279 295-300 303-304 307-308 310-313 320-323 327-331 336-423 428-433 438 440
    442-443 467-511 528 533 539-540`,
};
/** As docker's newer profiles: io_uring; set_mempolicy_home_node and the lsm_ calls want a capability. */
const REFUSED_SINCE = "425-427 450 459-461";
/** removexattrat, the newest call in the table. */
const LAST = 466;

function numbers(text: string): Set<number> {
  return new Set(
    text.trim().split(/\s+/).flatMap((range) => {
      const [from, to = from] = range.split("-").map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    }),
  );
}

/** The expected verdicts on the numbers from 0 on. */
function expected(abi: keyof typeof REFUSED, count: number, last: number): Answer[] {
  const refused = numbers(`${REFUSED[abi]} ${REFUSED_SINCE}`);
  return Array.from({ length: count }, (_, number) => {
    if (number === 435) return ENOSYS; // clone3
    if (number > last) return ENOSYS;
    return refused.has(number) ? EPERM : "allowed";
  });
}

const x86 = Deno.build.arch === "x86_64" ? {} : { missing: "needs x86_64", optional: true };

bare("filter: the kernel's verdict on every call of x86_64 is docker's", async () => {
  const wanted = expected("X86_64", COUNT, LAST).filter((_, number) => !UNSEEN.includes(number));
  assertEquals(probe(filter(), everyCall()), wanted);
  await Promise.resolve();
}, x86);

bare("filter: the kernel's verdict on every call of x32 is docker's", async () => {
  const count = 560;
  const answers = probe(filter(), Array.from({ length: count }, (_, number) => [X32 + number]));
  assertEquals(answers, expected("X32", count, 547));
  await Promise.resolve();
}, x86);

bare("filter: the kernel's verdict on every call of 32-bit x86 is docker's", async () => {
  assertEquals(probe32(filter(), COUNT), expected("X86", COUNT, LAST));
  await Promise.resolve();
}, x86);

function everyCall(): [number][] {
  return [...Array(COUNT).keys()].filter((number) => !UNSEEN.includes(number)).map((number) => [number]);
}

function filter(...added: string[]): Uint8Array {
  return defaultFilter([...capabilitiesOf({}), ...added.map((name) => capabilityNumber(name)!)]);
}

const PROBED_BY_ARGUMENT: [call: string, argument: number, answer: Answer][] = [
  ...[0n, 8n, 0x20000n, 0x20008n, 0xffffffffn].map((n) => ["personality", Number(n), "allowed"] as const),
  ...[1, 0x40000, 0x20009, 2 ** 32, 2 ** 32 + 8].map((n) => ["personality", n, EPERM] as const),
  ...[0, 1, 2, 10, 16, 17, 37, 39, 41, 45].map((n) => ["socket", n, "allowed"] as const),
  // The kernel takes an int, so that what is above it hides nothing.
  ...[38, 2 ** 32 + 38, 40, 2 ** 32 + 40, 7 * 2 ** 32 + 40].map((n) => ["socket", n, EPERM] as const),
  ...[0x11, 0x80, 0x3d0f00, 0x100, 0x80000000, 2 ** 32 + 0x11].map((n) => ["clone", n, "allowed"] as const),
  ...[0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000].flatMap((n) =>
    [n, n + 0x11, n + 2 ** 32].map((flags) => ["clone", flags, EPERM] as const)
  ),
].map(([call, argument, answer]) => [call, argument, answer]);

bare("filter: arguments decide on clone, personality and socket", async () => {
  const table = systemCalls("X86_64");
  for (const first of [0, X32]) {
    const probes = PROBED_BY_ARGUMENT.map(([call, argument]): [number, number] => [
      first + table.get(call)!,
      argument,
    ]);
    assertEquals(probe(filter(), probes), PROBED_BY_ARGUMENT.map(([, , answer]) => answer));
  }
  await Promise.resolve();
}, x86);

/** What each capability adds to the calls of a container that has docker's. */
const ADDED: Record<string, string> = {
  SYS_ADMIN:
    "mount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick quotactl quotactl_fd unshare " +
    "setns sethostname setdomainname fanotify_init name_to_handle_at lookup_dcookie lsm_get_self_attr " +
    "lsm_set_self_attr lsm_list_modules clone3 syslog bpf perf_event_open",
  SYSLOG: "syslog",
  BPF: "bpf",
  PERFMON: "perf_event_open",
  DAC_READ_SEARCH: "open_by_handle_at",
  SYS_BOOT: "reboot",
  SYS_MODULE: "init_module finit_module delete_module",
  SYS_NICE: "mbind get_mempolicy set_mempolicy set_mempolicy_home_node",
  SYS_PACCT: "acct",
  SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev",
  SYS_RAWIO: "iopl ioperm",
  SYS_TIME: "settimeofday clock_settime",
  SYS_TTY_CONFIG: "vhangup",
  NET_ADMIN: "",
};

bare("filter: each capability adds docker's calls, and no other", async () => {
  const names = new Map([...systemCalls("X86_64")].map(([name, number]) => [number, name]));
  const all = everyCall();
  const plain = probe(filter(), all);
  for (const [capability, calls] of Object.entries(ADDED)) {
    const found = probe(filter(capability), all).flatMap((answer, index) =>
      answer !== plain[index] ? [names.get(all[index][0])] : []
    );
    assertEquals(found.sort(), calls.split(" ").filter(Boolean).sort(), capability);
  }
  const table = systemCalls("X86_64");
  const without = defaultFilter(
    capabilitiesOf({}).filter((number) => number !== capabilityNumber("SYS_CHROOT")),
  );
  assertEquals(probe(without, [[table.get("chroot")!]]), [EPERM]);
  assertEquals(probe(filter("SYS_ADMIN"), [[table.get("clone")!, 0x20000]]), ["allowed"]);
  await Promise.resolve();
}, x86);

/** Runs a filter as the kernel does (Documentation/networking/filter.rst), as far as filters of ours go. */
function interpret(filter: Uint8Array, architecture: number, number: number, argument: number): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, architecture, true);
  data.setBigUint64(16, BigInt(argument), true);
  const view = new DataView(filter.buffer, filter.byteOffset);
  let word = 0;
  for (let at = 0;; at++) {
    const k = view.getUint32(8 * at + 4, true);
    const [jt, jf] = [filter[8 * at + 2], filter[8 * at + 3]];
    switch (view.getUint16(8 * at, true)) {
      case 0x20:
        word = data.getUint32(k, true);
        break;
      case 0x54:
        word = (word & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += word === k ? jt : jf;
        break;
      case 0x25:
        at += word > k ? jt : jf;
        break;
      case 0x35:
        at += word >= k ? jt : jf;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`instruction ${at}`);
    }
  }
}

function meaning(action: number): Answer | string {
  if (action === 0x7fff0000) return "allowed";
  return action >>> 16 === 5 ? action & 0xffff : action === 0 ? "killed" : `0x${action.toString(16)}`;
}

/** By name, docker's verdicts are the same on every ABI. */
function verdictsByName(): Map<string, Answer> {
  const found = new Map<string, Answer>();
  for (const abi of ["X86", "X86_64"] as const) {
    const verdicts = expected(abi, COUNT, LAST);
    for (const [name, number] of systemCalls(abi)) found.set(name, verdicts[number]);
  }
  return found;
}

Deno.test("filter on aarch64: by name, every call's verdict is that of x86, for 64 bits and for 32", () => {
  const { code, gates } = compileDefault("aarch64");
  openGates(code, gates, capabilitiesOf({}));
  const known = verdictsByName();
  const own = "sync_file_range2 arm_sync_file_range arm_fadvise64_64 breakpoint cacheflush set_tls send recv";
  const architectures: [Abi, number][] = [["AARCH64", 0xc00000b7], ["ARM", 0x40000028]];
  for (const [abi, architecture] of architectures) {
    const names = new Map([...systemCalls(abi)].map(([name, number]) => [number, name]));
    const last = abi === "ARM" ? 0xf0005 : LAST;
    for (const number of [...Array(COUNT).keys(), 0xf0001, 0xf0002, 0xf0003, 0xf0005, 0xf0006]) {
      const name = names.get(number) ?? "";
      const wanted = own.split(" ").includes(name) ? "allowed" : known.get(name) ?? EPERM;
      // On arm there are calls of its own far above all others, and docker counts up to them.
      const newer = number > last ? ENOSYS : number > LAST && wanted === ENOSYS ? EPERM : wanted;
      assertEquals(meaning(interpret(code, architecture, number, 0)), newer, `${abi} ${number} ${name}`);
    }
  }
  assertEquals(meaning(interpret(code, 0xc000003e, 0, 0)), "killed");
});

Deno.test("filter on aarch64: arguments decide on clone, personality and socket", () => {
  const { code } = compileDefault("aarch64");
  for (const [call, argument, answer] of PROBED_BY_ARGUMENT) {
    const number = systemCalls("AARCH64").get(call)!;
    assertEquals(meaning(interpret(code, 0xc00000b7, number, argument)), answer, `${call} ${argument}`);
  }
});
