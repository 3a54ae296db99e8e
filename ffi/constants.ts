// Numbers of the kernel that several files need; the same on x86_64 and aarch64. What only one file needs
// stands there. Each is a plain constant, so that esbuild writes its value where it is used: a name costs a
// start nothing. A test compares them with the headers of C.

// errno(3), positive. What a system call returned is negative, and compared with -ENOENT.
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EAGAIN = 11;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const EFBIG = 27;
export const ENOSPC = 28;
export const EPIPE = 32;
export const ENOSYS = 38;
export const ENOTEMPTY = 39;
export const ELOOP = 40;
export const ENODATA = 61;
export const EPROTONOSUPPORT = 93;
export const ESOCKTNOSUPPORT = 94;
export const ENOTSUP = 95;
export const EAFNOSUPPORT = 97;
export const ETIMEDOUT = 110;
export const ESTALE = 116;

// signal(7), and sigprocmask(2).
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGTRAP = 5;
export const SIGKILL = 9;
export const SIGPIPE = 13;
export const SIGTERM = 15;
export const SIGCHLD = 17;
export const SIGWINCH = 28;
export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const SIG_SETMASK = 2;

// prctl(2), keyctl(2)
export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_NAME = 15;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_NO_NEW_PRIVS = 38;
export const KEYCTL_JOIN_SESSION_KEYRING = 1;

// clock_gettime(2), poll(2), madvise(2)
export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const POLLIN = 1;
export const POLLOUT = 4;
export const MADV_DONTNEED = 4;

// Files: limits.h, memfd_create(2), statx(2), fcntl(2)
export const PATH_MAX = 4096;
export const MFD_CLOEXEC = 1;
export const STATX_BASIC_STATS = 0x7ff;
export const F_SETFD = 2;
export const F_SETFL = 4;
export const SPLICE_F_NONBLOCK = 2;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_SETPIPE_SZ = 1031;
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

// Sockets: socket(2), socket(7), netdevice(7)
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const IFF_UP = 1;

// netlink(7), rtnetlink(7)
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NLMSG_ERROR = 2;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
