// The system calls that containers may use: docker's default filter as of 20.10.24, with the calls of newer
// kernels and the refusals of newer dockers. These are io_uring (since 25: no filter sees requests in a
// ring), and the kernel's cryptography by sockets (since 29: CVE-2026-31431 wrote to files of others' layers)
// together with socketcall, whose arguments are in memory. Other calls fail with EPERM. Calls newer than all
// in this table fail with ENOSYS, so that programs do without them as on an older kernel.
//
// Names that an ABI does not have are ignored there, so one table serves all.

import { ENOSYS } from "../../ffi/constants.ts";
import type { Condition } from "./compile.ts";

/** Calls that all containers may use, by subject. */
export const ALLOWED: Record<string, string> = {
  "opening and closing": `
    open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock memfd_create memfd_secret pipe pipe2`,

  "reading and writing": `
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek readahead fadvise64
    fadvise64_64 arm_fadvise64_64 sendfile sendfile64 copy_file_range splice tee vmsplice fallocate truncate truncate64
    ftruncate ftruncate64 sync syncfs fsync fdatasync sync_file_range sync_file_range2 arm_sync_file_range cachestat`,

  "names and directories": `
    link linkat unlink unlinkat symlink symlinkat readlink readlinkat rename renameat renameat2 mkdir mkdirat rmdir
    mknod mknodat getdents getdents64 chdir fchdir getcwd`,

  "attributes of files": `
    stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx access faccessat faccessat2 chmod fchmod fchmodat
    fchmodat2 chown chown32 fchown fchown32 lchown lchown32 fchownat umask utime utimes futimesat utimensat
    utimensat_time64 statfs statfs64 fstatfs fstatfs64 statmount listmount setxattr lsetxattr fsetxattr setxattrat
    getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat removexattr lremovexattr
    fremovexattr removexattrat`,

  "waiting for descriptors": `
    poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
    epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1
    inotify_add_watch inotify_rm_watch fanotify_mark io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
    io_pgetevents_time64 ioctl`,

  "memory": `
    brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal
    remap_file_pages map_shadow_stack membarrier process_mrelease`,

  "processes and threads": `
    fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid setpgid getpgrp getsid
    setsid set_tid_address set_thread_area get_thread_area set_tls arch_prctl modify_ldt prctl seccomp rseq
    pidfd_open futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue set_robust_list get_robust_list
    cacheflush breakpoint uretprobe ptrace
    landlock_create_ruleset landlock_add_rule landlock_restrict_self`,

  "users, groups and capabilities": `
    getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
    setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32
    setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32 capget capset`,

  "signals": `
    kill tkill tgkill pidfd_send_signal pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack sigprocmask sigreturn restart_syscall`,

  "scheduling and resources": `
    sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
    sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set getrlimit ugetrlimit setrlimit prlimit64
    getrusage times getcpu`,

  "time": `
    time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
    clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64 alarm getitimer setitimer timer_create
    timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,

  "sockets": `
    socketpair bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt send
    sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,

  "System V and POSIX message passing": `
    ipc msgget msgsnd msgrcv msgctl semget semop semctl semtimedop semtimedop_time64 shmget shmat shmdt shmctl mq_open
    mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr`,

  "the system": "uname sysinfo getrandom",
};

/** Calls that need a capability (capabilities(7), without CAP_); any one of those listed suffices. */
export const BY_CAPABILITY: { with: string[]; calls: string; otherwise?: number }[] = [
  {
    with: ["SYS_ADMIN"],
    calls: `
      mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick quotactl quotactl_fd
      unshare setns sethostname setdomainname fanotify_init name_to_handle_at lookup_dcookie lsm_get_self_attr
      lsm_set_self_attr lsm_list_modules`,
  },
  // clone3's flags are in memory, which no filter can read. If it does not exist, C libraries use clone
  // instead.
  { with: ["SYS_ADMIN"], calls: "clone3", otherwise: ENOSYS },
  { with: ["SYS_ADMIN", "SYSLOG"], calls: "syslog" },
  { with: ["SYS_ADMIN", "BPF"], calls: "bpf" },
  { with: ["SYS_ADMIN", "PERFMON"], calls: "perf_event_open" },
  { with: ["DAC_READ_SEARCH"], calls: "open_by_handle_at" },
  { with: ["SYS_BOOT"], calls: "reboot" },
  { with: ["SYS_CHROOT"], calls: "chroot" },
  { with: ["SYS_MODULE"], calls: "init_module finit_module delete_module" },
  { with: ["SYS_NICE"], calls: "mbind get_mempolicy set_mempolicy set_mempolicy_home_node" },
  { with: ["SYS_PACCT"], calls: "acct" },
  { with: ["SYS_PTRACE"], calls: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev" },
  { with: ["SYS_RAWIO"], calls: "iopl ioperm" },
  { with: ["SYS_TIME"], calls: "settimeofday stime clock_settime clock_settime64" },
  { with: ["SYS_TTY_CONFIG"], calls: "vhangup" },
];

/** New mount, cgroup, uts, ipc, user, pid and network namespaces: CLONE_NEW*. */
const NEW_NAMESPACES = 0x7e020000n;
const INT = 0xffffffffn;
const [AF_ALG, AF_VSOCK] = [38n, 40n];
/** Linux, Linux with 32-bit addresses, both with uname's 2.6, and the query of the present personality. */
const PERSONALITIES = [0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn];

/**
 * Calls whose arguments decide: allowed if all conditions of one list hold, and always with the capability.
 */
export const BY_ARGUMENT: { call: string; allowed: Condition[][]; with?: string[] }[] = [
  {
    call: "clone",
    allowed: [[{ argument: 0, operator: "&==", mask: NEW_NAMESPACES, value: 0n }]],
    with: ["SYS_ADMIN"],
  },
  { call: "personality", allowed: PERSONALITIES.map((value) => [{ argument: 0, operator: "==", value }]) },
  // Sockets of virtual machines ignore network namespaces. The kernel reads an int, whatever else is in the
  // register.
  {
    call: "socket",
    allowed: [[AF_ALG, AF_VSOCK].map((value) => ({ argument: 0, operator: "&!=", mask: INT, value }))],
  },
];
