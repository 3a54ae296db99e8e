// Small faults, each of which some test must notice: run.ts puts them in, one at a time. A place is named by the text that
// is there, once, in the file of that name, so that it may move.

export interface Mutant {
  /** What is then wrong, in a few words. */
  fault: string;
  /** The file's name without its folders. */
  file: string;
  find: string;
  put: string;
  /** Test files below tests/ of which one has to fail. */
  tests: string[];
  /** Only these tests of them, as deno's --filter. */
  filter?: string;
}

/** Set-up and walls of a container. */
const WALLS: Mutant[] = [
  {
    fault: "exec: no parent-death signal after changing user",
    file: "exec_program.ts",
    find: "dieWithKeeper(p, REPORT);",
    put: "",
    tests: ["exec_test.ts"],
    filter: "exec: a command dies with",
  },
  {
    fault: "exec: the caller's session keyring",
    file: "exec_program.ts",
    find: 'attempt(p, "keyctl"',
    put: 'if (p === undefined) attempt(p, "keyctl"',
    tests: ["attacks/keys_test.ts"],
  },
  {
    fault: "exec: the caller's umask",
    file: "exec_program.ts",
    find: 'p.call("umask", [0o022]);',
    put: "",
    tests: ["exec_test.ts"],
    filter: "exec: the caller's umask",
  },
  {
    fault: "run: the caller's session keyring",
    file: "init_program.ts",
    find: 'attempt(p, "keyctl"',
    put: 'if (p === undefined) attempt(p, "keyctl"',
    tests: ["attacks/keys_test.ts"],
  },
  {
    fault: "run: no parent-death signal after changing user",
    file: "init_program.ts",
    find: "dieWithKeeper(p, REPORT);",
    put: "",
    tests: ["init_test.ts"],
    filter: "keeper is killed",
  },
  {
    fault: "/proc/interrupts is not masked",
    file: "paths.ts",
    find: '  "/proc/interrupts",\n',
    put: "",
    tests: ["world_test.ts"],
    filter: "masked",
  },
  {
    fault: "capabilities are inheritable",
    file: "init_program.ts",
    find: "p.ints([low, low, 0, high, high, 0])",
    put: "p.ints([low, low, low, high, high, high])",
    tests: ["world_test.ts"],
    filter: "capabilities",
  },
  {
    fault: "the bounding set keeps capability 21, SYS_ADMIN",
    file: "init_program.ts",
    find: 'if (!wanted.includes(number)) p.call("prctl", [24',
    put: 'if (!wanted.includes(number) && number !== 21) p.call("prctl", [24',
    tests: ["capabilities_test.ts"],
    filter: "docker's sets",
  },
  {
    fault: "the caller's groups stay",
    file: "init_program.ts",
    find: 'p.call("setgroups", [identity.groups.length, p.ints([...identity.groups, 0])]);',
    put:
      'if (identity.groups.length) p.call("setgroups", [identity.groups.length, p.ints([...identity.groups, 0])]);',
    tests: ["world_test.ts"],
    filter: "caller's groups",
  },
  {
    fault: "no-new-privileges is not set",
    file: "init_program.ts",
    find: 'p.call("prctl", [38, /* PR_SET_NO_NEW_PRIVS */ 1, 0, 0, 0]);',
    put: "",
    tests: ["seccomp_test.ts"],
    filter: "no-new-privileges",
  },
  {
    fault: "signals stay blocked in the command",
    file: "init_program.ts",
    find: '  p.call("rt_sigprocmask", [2, /* SIG_SETMASK */ p.words([0]), 0, 8]);\n  closeLastWalls',
    put: "  closeLastWalls",
    tests: ["world_test.ts"],
    filter: "signals",
  },
  {
    fault: "SIGPIPE stays ignored in the command",
    file: "process.ts",
    find: "POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID, true",
    put: "POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID, true",
    tests: ["world_test.ts"],
    filter: "signals",
  },
  {
    fault: "the command inherits descriptors above 2",
    file: "init_program.ts",
    find: 'p.call("close_range", [3 + kept.length, 0xffffffff, 0]);',
    put: "",
    tests: ["world_test.ts", "attacks/descriptors_test.ts"],
    filter: "/descriptor/",
  },
  {
    fault: "the keeper inherits the caller's descriptors",
    file: "keeper_program.ts",
    find: 'if (fd > first) p.call("close_range"',
    put: 'if (fd > first && fd !== 0xffffffff) p.call("close_range"',
    tests: ["detached_test.ts"],
    filter: "callers do not hang",
  },
  {
    fault: "the keeper's memory is open to others",
    file: "keeper_program.ts",
    find: 'p.call("prctl", [4, /* PR_SET_DUMPABLE */ 0, 0, 0, 0]);',
    put: "",
    tests: ["attacks/processes_test.ts", "attacks/binary_test.ts"],
  },
  {
    fault: "any device node may be opened",
    file: "devices.ts",
    find: '{ type: "c", major: undefined, minor: undefined, access: "m" }',
    put: '{ type: "c", major: undefined, minor: undefined, access: "rm" }',
    tests: ["attacks/proc_test.ts"],
    filter: "memory, ports",
  },
  {
    fault: "/dev/tty may not be opened",
    file: "devices.ts",
    find: "  character(5, 0), // tty\n",
    put: "",
    tests: ["attacks/proc_test.ts"],
    filter: "default devices",
  },
  {
    fault: "terminals may not be opened",
    file: "devices.ts",
    find: "  character(136, undefined), // terminals\n",
    put: "",
    tests: ["attacks/proc_test.ts"],
    filter: "default devices",
  },
  {
    fault: "device access letters are not kept",
    file: "devices.ts",
    find: 'return `${type} ${major ?? "*"}:${minor ?? "*"} ${access}`;',
    put: 'return `${type} ${major ?? "*"}:${minor ?? "*"} ${access && "rwm"}`;',
    tests: ["attacks/proc_test.ts"],
    filter: "for reading only",
  },
  {
    fault: "the filter lets kexec_load through",
    file: "table.ts",
    find: "open openat openat2 creat",
    put: "open openat openat2 kexec_load creat",
    tests: ["seccomp_filter_test.ts"],
  },
  {
    fault: "the filter refuses copy_file_range",
    file: "table.ts",
    find: "copy_file_range splice",
    put: "splice",
    tests: ["seccomp_filter_test.ts"],
  },
];

/** Limits. */
const LIMITS: Mutant[] = [
  ["cpu.shares is written elsewhere", '"cpu.shares", limits.cpuShares', '"cpu.idle", limits.cpuShares'],
  [
    "memory-reservation is not written",
    'add("memory", "memory-reservation", "memory.soft_limit_in_bytes", limits.memoryReservation);',
    "",
  ],
  [
    "read and write limits are exchanged",
    'first: "read_bps", second: "rbps"',
    'first: "write_bps", second: "wbps"',
  ],
  ["v2's weight of shares", "* 9999 / 262142", "* 10000 / 262142"],
  ["v2's weight of devices", "* 9999 / 990", "* 10000 / 1000"],
  ["v2's swap includes memory", "String(memorySwap - (memory ?? 0))", "String(memorySwap)"],
].map(([fault, find, put]) => ({
  fault,
  file: "settings.ts",
  find,
  put,
  tests: ["unit_cgroup_settings_test.ts"],
}));

/** The life of containers. */
const LIFE: Mutant[] = [
  {
    fault: "what is not executable is 127",
    file: "exec_error.ts",
    find:
      '(is it built for this machine, and does a script begin with #!?)";\n  return new CommandError(`exec: ${name}: ${reason}${hint}`, 126);',
    put:
      '(is it built for this machine, and does a script begin with #!?)";\n  return new CommandError(`exec: ${name}: ${reason}${hint}`, 127);',
    tests: ["errors_test.ts"],
    filter: "is 126",
  },
  {
    fault: "stop waits 10 s whatever the container says",
    file: "stop.ts",
    find: "options.timeout ?? stopTimeout ?? STOP_TIMEOUT",
    put: "options.timeout ?? STOP_TIMEOUT",
    tests: ["stop_test.ts"],
    filter: "stop -t",
  },
  {
    fault: "stop -t is for 100 ms each",
    file: "stop.ts",
    find: "seconds < 0 ? Infinity : 1000 * seconds",
    put: "seconds < 0 ? Infinity : 100 * seconds",
    tests: ["stop_test.ts"],
    filter: "/not end in time|stop -t/",
  },
  {
    fault: "stop ignores the container's stop signal",
    file: "stop.ts",
    find: "options.signal ?? (StopSignal ? parseSignal(StopSignal) : SIGTERM)",
    put: "options.signal ?? SIGTERM",
    tests: ["stop_test.ts"],
    filter: "stop signal, or",
  },
  {
    fault: "a paused container is not thawed to be killed",
    file: "stop.ts",
    find: "    if (isFinal(config, signal)) thawIfPaused(container);\n",
    put: "",
    tests: ["stop_test.ts"],
    filter: "a paused container",
  },
  {
    fault: "kill by another signal than the stop signal ends the restart policy",
    file: "stop.ts",
    find: "return !StopSignal || signal === SIGKILL || signal === parseSignal(StopSignal);",
    put: "return true;",
    tests: ["stop_test.ts"],
    filter: "a signal besides",
  },
  {
    fault: "a name that is taken is taken again",
    file: "names.ts",
    find: 'if (isErrno(error, "EEXIST")) return false;',
    put: 'if (isErrno(error, "EEXIST")) return true;',
    tests: ["errors_test.ts"],
    filter: "name that is taken",
  },
  {
    fault: "rename gives up the old name first",
    file: "rename.ts",
    find: "  const name = claim(id, config.name, wanted);\n  try {",
    put: "  const name = claim(id, config.name, wanted);\n  releaseName(config.name, id);\n  try {",
    tests: ["rename_test.ts"],
    filter: "/name/",
  },
  {
    fault: "an ambiguous prefix is the first that matches",
    file: "find.ts",
    find: "if (matches.length > 1) {\n    const shown",
    put: "if (matches.length > 99) {\n    const shown",
    tests: ["ps_filter_test.ts"],
    filter: "ambiguous",
  },
  {
    fault: "container prune leaves those that never began",
    file: "prune.ts",
    find: 'return state.status === "created" || state.status === "exited";',
    put: 'return state.status === "exited";',
    tests: ["prune_test.ts"],
    filter: "what runs stays",
  },
  {
    fault: "prune's until is not looked at",
    file: "prune.ts",
    find: "Date.parse(container.config.created) < limit",
    put: "Date.parse(container.config.created) < Infinity + 0 * limit",
    tests: ["prune_test.ts"],
    filter: "filters",
  },
  {
    fault: "label! of filters matches as label",
    file: "filter.ts",
    find: '!filters.get("label!")?.some(',
    put: '!filters.get("label!")?.every(',
    tests: ["unit_cli_test.ts"],
  },
  {
    fault: "volume prune without -a takes volumes with names",
    file: "prune.ts",
    find: "(all || volume.anonymous)",
    put: "(all || volume.anonymous !== undefined)",
    tests: ["volume_test.ts"],
    filter: "volume prune",
  },
  {
    fault: "diff: another owner is no change",
    file: "changes.ts",
    find: " || before.uid !== now.uid || before.gid !== now.gid",
    put: "",
    tests: ["diff_test.ts"],
  },
];

/** Images, archives, the store. */
const STORE: Mutant[] = [
  {
    fault: "replaceFile does not sync",
    file: "json.ts",
    find: "    file.fsync(fd);\n",
    put: "",
    tests: ["durable_test.ts"],
  },
  {
    fault: "replaceFile writes in place",
    file: "json.ts",
    find: "const temporary = `${path}.new`;",
    put: "const temporary = path;",
    tests: ["durable_test.ts"],
  },
  {
    fault: "shared locks are exclusive ones",
    file: "lock.ts",
    find: "{ shared: 0, exclusive: 1, none: 2 }",
    put: "{ shared: 1, exclusive: 1, none: 2 }",
    tests: ["unit_volume_store_test.ts"],
  },
  {
    fault: "names are changed without waiting for others",
    file: "names.ts",
    find: 'names/.lock", file.O_RDWR | file.O_CREAT, 0o600);\n  lock(fd, "exclusive");',
    put: 'names/.lock", file.O_RDWR | file.O_CREAT, 0o600);',
    tests: ["rename_test.ts"],
    filter: "/at once|against/",
  },
  {
    fault: "a volume is removed while a container comes to use it",
    file: "store.ts",
    find: 'lockVolumes("exclusive")',
    put: 'lockVolumes("shared")',
    tests: ["unit_volume_store_test.ts", "parallel_test.ts"],
  },
  {
    fault: "addresses are claimed without waiting for others",
    file: "allocate.ts",
    find: '    lock(fd, "exclusive");\n    return work();',
    put: "    return work();",
    tests: ["network_test.ts"],
    filter: "a hundred containers",
  },
  {
    fault: "publishing begins before it is written down",
    file: "publish.ts",
    find:
      "  file.renameat2(rootFd(), `${staging.path}/plan.new`, rootFd(), `${staging.path}/plan`);\n  carryOut(staging.path, plan);",
    put:
      "  file.renameat2(rootFd(), `${staging.path}/plan.new`, rootFd(), `${staging.path}/plan`);\n  const kept = plan.layers; carryOut(staging.path, { ...plan, layers: [] }); for (const [from, id] of kept) moveLayer(from, id);",
    tests: ["crash_image_test.ts"],
    filter: "import",
  },
  {
    fault: "a tag moves though another got it meanwhile",
    file: "publish.ts",
    find: "[before, ...own].includes(readTag(name))",
    put: "[before, ...own, readTag(name)].includes(readTag(name))",
    tests: ["image_test.ts"],
    filter: "a killed command",
  },
  {
    fault: "an image with children can be removed",
    file: "remove.ts",
    find: "if (childrenOf(hex).length > 0) {\n    return conflict",
    put: "if (childrenOf(hex).length > 99) {\n    return conflict",
    tests: ["image_test.ts"],
    filter: "by its ID, an",
  },
  {
    fault: "rmi of an image that a stopped container has",
    file: "remove.ts",
    find: 'return users.length > 0 ? conflict(by("stopped", users[0]), "must be forced", true) : undefined;',
    put: "return undefined;",
    tests: ["image_test.ts"],
    filter: "by its ID, an",
  },
  {
    fault: "image prune takes what a container has",
    file: "prune.ts",
    find: "if (used.has(id) || (tags.length === 0 ? hasChildren : !all)) continue;",
    put: "if (tags.length === 0 ? hasChildren : !all) continue;",
    tests: ["system_test.ts"],
    filter: "image prune -a",
  },
  {
    fault: "layers of containers whose image is gone are unused",
    file: "usage.ts",
    find: "    layers.forEach((layer) => used.add(layer));\n  }\n  return used;",
    put: "  }\n  return used;",
    tests: ["image_test.ts"],
    filter: "/rmi|force/",
  },
  {
    fault: "a manifest is not checked against its digest",
    file: "manifest.ts",
    find: "expected !== digest) {",
    put: "expected !== digest && depth < 0) {",
    tests: ["pull_server_test.ts"],
    filter: "what its digest says",
  },
  {
    fault: "a blob is not checked against its digest",
    file: "blob.ts",
    find: "if (`sha256:${digest.hex()}` !== descriptor.digest) throw",
    put: "if (!digest.hex()) throw",
    tests: ["pull_server_test.ts"],
    filter: "/what its digest says|two different answers/",
  },
  {
    fault: "hard links are written as files of their own name",
    file: "tar_write.ts",
    find: 'link: "1",',
    put: 'link: "2",',
    tests: ["unit_tar_test.ts"],
  },
  {
    fault: "attributes are written without their escapes",
    file: "tar_write.ts",
    find: 'XATTR + name.replaceAll("%", "%25").replaceAll("=", "%3D")',
    put: "XATTR + name",
    tests: ["unit_tar_test.ts"],
  },
  {
    fault: "attributes are not in the order of their names",
    file: "tar_write.ts",
    find: ".sort(([a], [b]) => a < b ? -1 : 1)",
    put: "",
    tests: ["unit_tar_test.ts"],
  },
];

/** Networks. */
const NETWORKS: Mutant[] = [
  {
    fault: "the broadcast address is given out",
    file: "allocate.ts",
    find: "if (value === network || value === broadcast) continue;",
    put: "if (value === network) continue;",
    tests: ["network_test.ts"],
    filter: "given out",
  },
  {
    fault: "the last address of a range is not given out",
    file: "allocate.ts",
    find: "value <= last; value++",
    put: "value < last; value++",
    tests: ["network_test.ts"],
    filter: "given out",
  },
  {
    fault: "a subnet without free addresses is waited for",
    file: "allocate.ts",
    find: "if (inTheWay.every(({ owner }) => isKept(owner))) throw noneLeft(network, wanted);",
    put: "",
    tests: ["network_test.ts"],
    filter: "given out",
  },
  {
    fault: "the host does not forward",
    file: "forwarding.ts",
    find: 'if (now[0] === "1".charCodeAt(0)) return false;',
    put: "if (now[0] !== 0) return false;",
    tests: ["ports_test.ts"],
    filter: "other machines",
  },
  {
    fault: "a port's claims are not released where one address fails",
    file: "claim.ts",
    find: "      releasePorts(claims);\n      if (!(error instanceof KernelError)) throw error;",
    put: "      if (!(error instanceof KernelError)) throw error;",
    tests: ["ports_test.ts"],
  },
  {
    fault: "ranges of ports go before particular ones",
    file: "claim.ts",
    find: ".sort((a, b) => choices(a) - choices(b))",
    put: ".sort((a, b) => choices(b) - choices(a))",
    tests: ["ports_test.ts"],
  },
];

export const MUTANTS: Mutant[] = [...WALLS, ...LIMITS, ...LIFE, ...STORE, ...NETWORKS];
