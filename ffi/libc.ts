// The one libc symbol table, and the raw system call everything else in ffi/ is made of.

// deno-lint-ignore-file camelcase -- libc's own names
import { EINTR } from "./constants.ts";

const words = ["i64", "i64", "i64", "i64", "i64", "i64", "i64"] as const;

/**
 * Opened at import, so a module that touches the kernel is imported only by commands that do: 0.9 ms, and
 * 0.15 ms more for every symbol. What few commands call is opened when they do, which costs no more then.
 */
const libc = Deno.dlopen("libc.so.6", {
  // long syscall(long number, ...), where the result fits 32 bits: descriptors, counts below 2 GiB, 0 and -1.
  syscall: { parameters: words, result: "i32" },
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
}).symbols;

/**
 * Deno's types ask for bigints where the call itself takes numbers too, which are what the rest of ffi/
 * computes with.
 */
type Call<Result> = (...words: number[]) => Result;
const syscall = libc.syscall as unknown as Call<number>;
let long: Call<bigint> | undefined;
let blocking: Call<Promise<number>> | undefined;
let spawning: Call<number> | undefined;

/**
 * Address of a buffer's first byte. The caller keeps the buffer referenced for as long as the kernel may use
 * it.
 */
export function addressOf(buffer: Uint8Array): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer as Uint8Array<ArrayBuffer>)));
}

/**
 * Memory for the strings and structures of one call; its address is fixed, so taking it costs nothing per
 * call.
 */
export const scratch = new Uint8Array(1 << 16);
export const scratchView = new DataView(scratch.buffer);
export const scratchAddress = addressOf(scratch);

const errnoCell = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));

/** The calling thread's errno: valid until the next libc call. */
export function errno(): number {
  return errnoCell[0];
}

/** One system call, with EINTR retried. Returns the result, or the errno as a negative number. */
export function raw(number: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  for (;;) {
    const result = syscall(number, a, b, c, d, e, f);
    if (result !== -1) return result;
    if (errnoCell[0] !== EINTR) return -errnoCell[0];
  }
}

/** As raw, for results over 2^31 (file offsets): they come as a bigint, which costs more. */
export function rawLong(number: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  long ??= Deno.dlopen("libc.so.6", { syscall: { parameters: words, result: "i64" } })
    .symbols.syscall as unknown as Call<bigint>;
  const result = Number(long(number, a, b, c, d, e, f));
  return result === -1 ? -errnoCell[0] : result;
}

/**
 * One system call on a thread of its own, so that signals reach JavaScript meanwhile; -1 on failure, of which
 * the errno stays on that thread.
 */
export function rawLater(number: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): Promise<number> {
  blocking ??= Deno.dlopen("libc.so.6", { syscall: { parameters: words, result: "i32", nonblocking: true } })
    .symbols.syscall as unknown as Call<Promise<number>>;
  return blocking(number, a, b, c, d, e, f);
}

/**
 * int posix_spawn(pid_t *, const char *path, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
 * char *const argv[], char *const envp[]), by their addresses: returns an errno, 0 if there is none.
 */
export function posixSpawn(
  pid: number,
  path: number,
  actions: number,
  attributes: number,
  argv: number,
  envp: number,
): number {
  spawning ??= Deno.dlopen("libc.so.6", { posix_spawn: { parameters: words.slice(1), result: "i32" } })
    .symbols.posix_spawn as unknown as Call<number>;
  return spawning(pid, path, actions, attributes, argv, envp);
}
