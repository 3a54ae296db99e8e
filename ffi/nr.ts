// System call numbers: [x86_64, aarch64] (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).

const numbers = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  lseek: [8, 62],
  ioctl: [16, 29],
  pipe2: [293, 59],
  dup3: [292, 24],
  fcntl: [72, 25],
  fsync: [74, 82],
  ftruncate: [77, 46],
  getdents64: [217, 61],
  openat: [257, 56],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  unlinkat: [263, 35],
  renameat2: [316, 276],
  linkat: [265, 37],
  symlinkat: [266, 36],
  readlinkat: [267, 78],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchown: [93, 55],
  utimensat: [280, 88],
  statx: [332, 291],
  fstatfs: [138, 44],
  umask: [95, 166],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chdir: [80, 49],
  fchdir: [81, 50],
  sethostname: [170, 161],
  setxattr: [188, 5],
  lsetxattr: [189, 6],
  getxattr: [191, 8],
  lgetxattr: [192, 9],
  listxattr: [194, 11],
  llistxattr: [195, 12],
  memfd_create: [319, 279],
  openat2: [437, 437],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  rt_sigaction: [13, 134],
  ptrace: [101, 117],
  pidfd_getfd: [438, 438],
  unshare: [272, 97],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  kill: [62, 129],
  wait4: [61, 260],
  clone: [56, 220],
  execve: [59, 221],
  exit_group: [231, 94],
  ppoll: [271, 73],
  prctl: [157, 167],
  capset: [126, 91],
  setgroups: [116, 159],
  setgid: [106, 144],
  setuid: [105, 146],
  rt_sigprocmask: [14, 135],
  clock_gettime: [228, 113],
  writev: [20, 66],
  close_range: [436, 436],
  keyctl: [250, 219],
  setsid: [112, 157],
  setns: [308, 268],
  getpid: [39, 172],
  socket: [41, 198],
  pwrite64: [18, 68],
  pread64: [17, 67],
  pwritev: [296, 70],
  inotify_init1: [294, 26],
  inotify_add_watch: [254, 27],
} as const;

export type SyscallName = keyof typeof numbers;

export type Architecture = "x86_64" | "aarch64";

/** The numbers of all these calls on an architecture. */
export function numbersOf(architecture: Architecture): Record<SyscallName, number> {
  const column = architecture === "aarch64" ? 1 : 0;
  return Object.fromEntries(Object.entries(numbers).map(([name, pair]) => [name, pair[column]])) as Record<
    SyscallName,
    number
  >;
}

/** The numbers on the architecture this runs on. */
export const NR = numbersOf(Deno.build.arch);
