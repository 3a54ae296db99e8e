// Errors of the kernel, in words.

type Row = [code: number, name: string, text: string];
let table: Row[] | undefined;

/** Made when something fails: most commands never look at it. */
const rows = (): Row[] =>
  table ??= [
    [1, "EPERM", "operation not permitted"],
    [2, "ENOENT", "no such file or directory"],
    [3, "ESRCH", "no such process"],
    [4, "EINTR", "interrupted system call"],
    [5, "EIO", "input/output error"],
    [6, "ENXIO", "no such device or address"],
    [7, "E2BIG", "argument list too long"],
    [8, "ENOEXEC", "exec format error"],
    [9, "EBADF", "bad file descriptor"],
    [10, "ECHILD", "no child processes"],
    [11, "EAGAIN", "resource temporarily unavailable"],
    [12, "ENOMEM", "cannot allocate memory"],
    [13, "EACCES", "permission denied"],
    [14, "EFAULT", "bad address"],
    [15, "ENOTBLK", "block device required"],
    [16, "EBUSY", "device or resource busy"],
    [17, "EEXIST", "file exists"],
    [18, "EXDEV", "invalid cross-device link"],
    [19, "ENODEV", "no such device"],
    [20, "ENOTDIR", "not a directory"],
    [21, "EISDIR", "is a directory"],
    [22, "EINVAL", "invalid argument"],
    [23, "ENFILE", "too many open files in system"],
    [24, "EMFILE", "too many open files"],
    [25, "ENOTTY", "inappropriate ioctl for device"],
    [26, "ETXTBSY", "text file busy"],
    [27, "EFBIG", "file too large"],
    [28, "ENOSPC", "no space left on device"],
    [29, "ESPIPE", "illegal seek"],
    [30, "EROFS", "read-only file system"],
    [31, "EMLINK", "too many links"],
    [32, "EPIPE", "broken pipe"],
    [33, "EDOM", "numerical argument out of domain"],
    [34, "ERANGE", "numerical result out of range"],
    [35, "EDEADLK", "resource deadlock avoided"],
    [36, "ENAMETOOLONG", "file name too long"],
    [37, "ENOLCK", "no locks available"],
    [38, "ENOSYS", "function not implemented"],
    [39, "ENOTEMPTY", "directory not empty"],
    [40, "ELOOP", "too many levels of symbolic links"],
    [61, "ENODATA", "no data available"],
    [75, "EOVERFLOW", "value too large for defined data type"],
    [84, "EILSEQ", "invalid or incomplete multibyte or wide character"],
    [93, "EPROTONOSUPPORT", "protocol not supported"],
    [94, "ESOCKTNOSUPPORT", "socket type not supported"],
    [95, "ENOTSUP", "operation not supported"],
    [97, "EAFNOSUPPORT", "address family not supported by protocol"],
    [98, "EADDRINUSE", "address already in use"],
    [99, "EADDRNOTAVAIL", "cannot assign requested address"],
    [100, "ENETDOWN", "network is down"],
    [101, "ENETUNREACH", "network is unreachable"],
    [110, "ETIMEDOUT", "connection timed out"],
    [111, "ECONNREFUSED", "connection refused"],
    [113, "EHOSTUNREACH", "no route to host"],
    [116, "ESTALE", "stale file handle"],
    [117, "EUCLEAN", "structure needs cleaning"],
    [122, "EDQUOT", "disk quota exceeded"],
    [126, "ENOKEY", "required key not available"],
    [127, "EKEYEXPIRED", "key has expired"],
    [128, "EKEYREVOKED", "key has been revoked"],
    [129, "EKEYREJECTED", "key was rejected by service"],
    [130, "EOWNERDEAD", "owner died"],
  ];

/** "no such file or directory" for 2. */
export function errnoText(code: number): string {
  return rows().find(([number]) => number === code)?.[2] ?? `error ${code}`;
}

/** The one error class of ffi/: which call failed, on what, and why. */
export class KernelError extends Error {
  constructor(
    readonly call: string,
    readonly operands: string,
    readonly code: number,
    readonly hint?: string,
  ) {
    super(`${call}${operands && " " + operands}: ${errnoText(code)}${hint ? ` (${hint})` : ""}`);
    this.name = "KernelError";
  }

  /** "ENOENT"; the number where it has no name here. */
  get errno(): string {
    return rows().find(([number]) => number === this.code)?.[1] ?? String(this.code);
  }
}

/** Whether `error` is a KernelError with one of these names. */
export function isErrno(error: unknown, ...errnos: string[]): error is KernelError {
  return error instanceof KernelError && errnos.includes(error.errno);
}
